// A suite is a list of checks.

package conform

import (
	"fmt"
	"runtime/debug"
	"testing"
)

// Check is one property of what a suite S tests. It leaves the suite as it
// found it.
type Check[S any] struct {
	Name string
	Run  func(S) error
}

// Try runs a check; a panic of what is tested is a failure of that check
// alone.
func (c Check[S]) Try(s S) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panicked: %v\n%s", r, debug.Stack())
		}
	}()
	return c.Run(s)
}

// Run runs all checks, one subtest each.
func Run[S any](t *testing.T, s S, all []Check[S]) {
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Try(s); err != nil {
				t.Error(err)
			}
		})
	}
}

// Failing are the names of the checks that fail, and why.
func Failing[S any](s S, all []Check[S]) (names []string, errs map[string]error) {
	errs = map[string]error{}
	for _, c := range all {
		if err := c.Try(s); err != nil {
			names, errs[c.Name] = append(names, c.Name), err
		}
	}
	return names, errs
}
