// The layer passes the suite that the library's own layers pass.

package main

import (
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

func TestTails(t *testing.T) {
	bijectortest.RunSpec(t, TailsSpec{Dim: 3}, NewTails[float32], NewTails[float64])
}

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
