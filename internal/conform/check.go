// A suite is a list of checks of a part in both precisions.

package conform

import (
	"errors"
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

// skipped says why a check does not apply to what is tested.
type skipped string

func (s skipped) Error() string { return string(s) }

// Skip is the result of a check that does not apply, with the reason.
func Skip(format string, args ...any) error { return skipped(fmt.Sprintf(format, args...)) }

// Skipped reports whether err is a Skip.
func Skipped(err error) bool {
	var s skipped
	return errors.As(err, &s)
}

// Run runs all checks, one subtest each. A failure stands at the line of the
// test that called the suite.
func Run[S any](t *testing.T, s S, all []Check[S]) {
	t.Helper()
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			t.Helper()
			switch err := c.Try(s); {
			case Skipped(err):
				t.Skip(err)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

// Failing are the names of the checks that fail, and why.
func Failing[S any](s S, all []Check[S]) (names []string, errs map[string]error) {
	errs = map[string]error{}
	for _, c := range all {
		if err := c.Try(s); err != nil && !Skipped(err) {
			names, errs[c.Name] = append(names, c.Name), err
		}
	}
	return names, errs
}

// Pair is what a suite tests: a part in both precisions, with the same state.
type Pair[A, B any] struct {
	F32 A
	F64 B
}

// Dims are what both precisions of a part have in common.
type Dims struct {
	Features, Context int
	Trainable         bool
}

// NewPair makes both precisions of a part, a layer or a base, and compares
// their Dims.
func NewPair[A, B interface{ Dims() Dims }](part string, new32 func() (A, error), new64 func() (B, error)) (*Pair[A, B], error) {
	a, err := new32()
	if err != nil {
		return nil, fmt.Errorf("float32: the constructor failed: %w", err)
	}
	b, err := new64()
	if err != nil {
		return nil, fmt.Errorf("float64: the constructor failed: %w", err)
	}
	d := a.Dims()
	switch {
	case d != b.Dims():
		return nil, fmt.Errorf("the two constructors make different %ss: %+v and %+v", part, d, b.Dims())
	case d.Features < 1 || d.Features > 64:
		return nil, fmt.Errorf("a Dim of %d; make the suite a %s of 1 to 64 features", d.Features, part)
	case d.Context < 0:
		return nil, fmt.Errorf("a ContextDim of %d, want 0 or more", d.Context)
	}
	return &Pair[A, B]{a, b}, nil
}

// Checks are the properties that a suite tests.
type Checks[A, B any] []Check[*Pair[A, B]]

// Both adds a property that each precision has by itself.
func (c *Checks[A, B]) Both(name string, f32 func(A) error, f64 func(B) error) {
	*c = append(*c,
		Check[*Pair[A, B]]{Name: name + "/float32", Run: func(s *Pair[A, B]) error { return f32(s.F32) }},
		Check[*Pair[A, B]]{Name: name + "/float64", Run: func(s *Pair[A, B]) error { return f64(s.F64) }})
}
