// The program does what it says.

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/registry"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"negative log-likelihood: ", "4000 rows score alike", "draws: (1000, 2)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output without %q:\n%s", want, out.String())
		}
	}
}

// A number in a spec that no machine has the memory for is an error.
func TestLargeSpec(t *testing.T) {
	if _, err := registry.New[float32]("app.tails", []byte(`{"dim":9000000000000000000}`)); !errors.Is(err, registry.ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}
