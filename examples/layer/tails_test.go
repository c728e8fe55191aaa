// The layer passes the suite that the library's own layers pass.

package main

import (
	"testing"

	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

func TestTails(t *testing.T) {
	bijectortest.RunSpec(t, TailsSpec{Dim: 3}, NewTails[float32], NewTails[float64])
}
