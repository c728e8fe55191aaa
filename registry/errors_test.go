package registry_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/registry"
)

// beyond32 is what refuses a number beyond 32 bits: the count of values, or the
// decoder where an int holds no more.
var beyond32 = func() error {
	if math.MaxInt == math.MaxInt32 {
		return bijector.ErrSpec
	}
	return registry.ErrTooLarge
}()

// wantError checks an error's sentinel and what it says.
func wantError(t *testing.T, what string, err, sentinel error, says ...string) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), "panicked") && !slices.Contains(says, "panicked") {
		t.Errorf("%s: %v", what, err) // constructors of the library do not panic
	}
	if !errors.Is(err, sentinel) {
		t.Errorf("%s: got %v, want one that is %q", what, err, sentinel)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s: %q does not say %q", what, err, s)
		}
	}
	if !strings.HasPrefix(err.Error(), "registry: ") {
		t.Errorf("%s: %q does not say where it is from", what, err)
	}
}
