package shear_test

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
)

func TestLayer(t *testing.T) {
	for name, s := range map[string]shear.Spec{
		"conditional":   {Dim: 5, Context: 3},
		"unconditional": {Dim: 2},
	} {
		t.Run(name, func(t *testing.T) {
			bijectortest.RunSpec(t, s, shear.New[float32], shear.New[float64])
		})
	}
}

func TestSpec(t *testing.T) {
	if _, err := shear.New[float32](shear.Spec{Dim: 1}); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("one feature: error is %v, want ErrSpec", err)
	}
}
