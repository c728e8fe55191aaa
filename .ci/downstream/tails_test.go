package main

import (
	"testing"

	"github.com/bijou-flow/bijou/bijector/bijectortest"
)

// TestTails: the layer passes the suite that the library's own layers pass.
func TestTails(t *testing.T) {
	spec := TailsSpec{Dim: 3}
	bijectortest.Run(t,
		func() (*Tails[float32], error) { return NewTails[float32](spec) },
		func() (*Tails[float64], error) { return NewTails[float64](spec) })
}
