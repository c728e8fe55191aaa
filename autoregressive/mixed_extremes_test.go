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
