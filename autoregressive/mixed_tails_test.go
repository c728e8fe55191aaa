// Tails of a Mixed against sums of its masses and integrals of its density.

package autoregressive_test

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

// secondTerms are terms and tails of the second column, given that the first is 1.
func secondTerms(m *autoregressive.Mixed[float64], values []float64) (terms, tails []float64) {
	p := m.NewMixedPass(bijector.PassOptions{MaxBatch: len(values)})
	z, a, b := bijector.NewMat[float64](2, len(values)), bijector.NewMat[float64](2, len(values)), bijector.NewMat[float64](2, len(values))
	for i, v := range values {
		z.Feature(0)[i], z.Feature(1)[i] = 1, v
	}
	p.Tails(a, b, z, bijector.Mat[float64]{})
	return a.Feature(1), b.Feature(1)
}

func TestMixedTails(t *testing.T) {
	of := func(c autoregressive.MixedColumn) *autoregressive.Mixed[float64] {
		return movedMixed[float64](t, autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{{Atoms: []float64{0, 1}}, c}, Hidden: 8, Blocks: 1, Seed: 5}, 0.4)
	}
	// Values that make up the column with their weights: 1 of a mass, and of a density the
	// width of a cell whose middle the value is.
	atoms := func(c autoregressive.MixedColumn) (v, w []float64) {
		n := len(c.Atoms)
		if c.Missing {
			n--
		}
		for _, a := range c.Atoms[:n] {
			v, w = append(v, a), append(w, 1)
		}
		return v, w
	}
	for name, c := range map[string]autoregressive.MixedColumn{
		"numbers": {Atoms: []float64{3, 1, 2, 7}, Ordered: true},
		"rounded": {Continuous: true, Step: 0.5, Lower: ptr(0), Upper: ptr(4), Atoms: []float64{0, -9}, Missing: true},
		"spike":   {Continuous: true, Atoms: []float64{0, -99}, Missing: true, Lower: ptr(0)},
		"line":    {Continuous: true, Atoms: []float64{0.5}, Margin: someMargin()},
		"between": {Continuous: true, Lower: ptr(-1), Upper: ptr(1)},
	} {
		m := of(c)
		v, w := atoms(c)
		asked := []float64{0.25, 0.4, 0.9}
		switch {
		case c.Step > 0:
			v, w, asked = nil, nil, span(0, 4, 0.5)
			for range asked {
				w = append(w, 1)
			}
			v = append(v, asked...)
		case c.Continuous:
			lo, hi := -40.0, 40.0
			if c.Lower != nil {
				lo = *c.Lower
			}
			if c.Upper != nil {
				hi = *c.Upper
			}
			const n = 40_000
			for i := range n {
				v, w = append(v, lo+(hi-lo)*(float64(i)+0.5137)/n), append(w, (hi-lo)/n)
			}
			asked = append(asked, v[:len(c.Atoms)]...)
		default:
			asked = c.Atoms
		}
		terms, _ := secondTerms(m, v)
		_, tails := secondTerms(m, asked)
		for k, x := range asked {
			below, above := 0.0, 0.0
			for i, at := range v {
				mass := w[i] * math.Exp(terms[i])
				if at <= x {
					below += mass
				}
				if at >= x {
					above += mass
				}
			}
			if want, got := min(1, 2*min(below, above)), math.Exp(tails[k]); !(math.Abs(got-want) < 3e-3*want) {
				t.Errorf("%s: as far out as %v with probability %v, want %v", name, x, got, want)
			}
		}
	}

	kinds := autoregressive.MixedColumn{Atoms: []float64{0, 1, 2, 3}}
	terms, tails := secondTerms(of(kinds), kinds.Atoms)
	for k := range terms {
		want := 0.0
		for _, v := range terms {
			if v <= terms[k] {
				want += math.Exp(v)
			}
		}
		if got := math.Exp(tails[k]); !(math.Abs(got-want) < 1e-9) {
			t.Errorf("categories as unlikely as %d have probability %v, want %v", k, got, want)
		}
	}

	c := autoregressive.MixedColumn{Continuous: true, Atoms: []float64{0, -99}, Missing: true, Lower: ptr(0)}
	terms, tails = secondTerms(of(c), []float64{-99, -1, math.NaN(), 1e6})
	if tails[0] != terms[0] || !math.IsInf(tails[1], -1) || !math.IsNaN(tails[2]) || !(tails[3] < -20) || math.IsInf(tails[3], 0) {
		t.Errorf("tails of a missing cell, of one beyond a bound, of NaN and far out: %v, the first term is %v", tails, terms[0])
	}
}
