// Shares of atoms at the ends of their range and beyond it.

package autoregressive_test

import (
	"errors"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// TestExtremeShares makes columns whose shares lose each other in their sum: a
// quantile of more than 1, which gonum panics at, is asked of nobody.
func TestExtremeShares(t *testing.T) {
	make9 := func(shares []float64) error {
		_, err := autoregressive.NewMixed[float64](autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{
			{Atoms: []float64{8, 1, 2, 3, 4, 5, 6, 7, 9}, Ordered: true, Shares: shares},
		}})
		return err
	}
	for _, shares := range [][]float64{
		{1e16, 1, 1, 1, 1, 1, 1, 1, 1e-100},
		{1e100, 1e84, 1e84, 1e84, 1e84, 1e84, 1e84, 1e84, 1e-100},
		{1e100, 1e-100, 1e-100, 1e-100, 1e-100, 1e-100, 1e-100, 1e-100, 1e-100},
	} {
		if err := make9(shares); err != nil {
			t.Errorf("%v: %v", shares, err)
		}
	}
	for _, v := range []float64{0, -1, 5e-324, 1e-101, 1e101, 1e308, math.Inf(1), math.NaN()} {
		if err := make9([]float64{1, 1, 1, 1, 1, 1, 1, 1, v}); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("a share of %v: %v", v, err)
		}
	}
}

// A layer keeps a spec of its own: neither what it was made of nor what it gives out
// leads back into it.
func TestMixedKeepsItsSpec(t *testing.T) {
	s := autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{{Atoms: []float64{0, 1, 2}, Shares: []float64{0.2, 0.3, 0.5}}, {Continuous: true}}}
	m, err := autoregressive.NewMixed[float64](s)
	if err != nil {
		t.Fatal(err)
	}
	given := m.Spec().(autoregressive.MixedSpec)
	for _, other := range []autoregressive.MixedSpec{s, given} {
		other.Columns[0].Atoms[1], other.Columns[0].Shares[1], other.Columns[1].Continuous = 7, 9, false
	}
	c := m.Spec().(autoregressive.MixedSpec).Columns
	if c[0].Atoms[1] != 1 || c[0].Shares[1] != 0.3 || !c[1].Continuous {
		t.Errorf("the spec has become %+v", c)
	}
}
