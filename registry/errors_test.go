package registry_test

import (
	"errors"
	"strings"
	"testing"
)

// wantError checks an error's sentinel and what it says.
func wantError(t *testing.T, what string, err, sentinel error, says ...string) {
	t.Helper()
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
