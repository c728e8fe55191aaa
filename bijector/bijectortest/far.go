// Rows far from the bulk of the data, where a formula may have another branch:
// log-determinants and gradients are compared there too.

package bijectortest

import (
	"fmt"
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Magnitudes of far values, and how many rows are drawn with them.
const (
	farFrom = 10
	farTo   = 100
	farRows = 6
)

// extent is the largest magnitude that the layer is made for; 0: that of
// Sample.
func (f *fixture[T]) extent() float64 {
	if f.o.Extent == 0 && f.o.Sample == nil {
		return 1e6
	}
	return f.o.Extent
}

// far draws rows in which two of three values are far out, on both sides of 0,
// and leaves out those that are not in the layer's domain.
func (f *fixture[T]) far(stream uint64) (x, cond bijector.Mat[T], err error) {
	to := min(farTo, f.extent())
	switch {
	case f.o.Sample != nil:
		return x, cond, conform.Skip("Options.Sample says where the layer is defined; its rows are those of the other checks")
	case to <= farFrom:
		return x, cond, conform.Skip("Options.Extent is %v: no row is farther out than those of the other checks", to)
	}
	x, cond = f.data(farRows, stream)
	rng := f.rng(stream)
	for j := range x.D {
		for i := range x.N {
			if (i+j)%3 == 2 {
				continue
			}
			v := farFrom * math.Pow(to/farFrom, rng.Float64())
			if (i+j)%2 == 1 {
				v = -v
			}
			x.Feature(j)[i] = T(v)
		}
	}
	z, logDet := forward(f.layer, x, cond)
	inside := 0
	for i, v := range logDet {
		if math.IsInf(v, -1) {
			continue // outside the domain, by the contract of Pass
		}
		for j := range z.D {
			if out := float64(z.Feature(j)[i]); !rows.IsFinite(v) || !rows.IsFinite(out) {
				return x, cond, fmt.Errorf("Pass.Forward of row %v gives log-det %v and feature %d as %v; outside its domain a layer adds -Inf, and Options.Extent says how far out it is made for",
					sample(x, i), v, j, out)
			}
		}
		x.Samples(inside, inside+1).CopyFrom(x.Samples(i, i+1))
		cond.Samples(inside, inside+1).CopyFrom(cond.Samples(i, i+1))
		inside++
	}
	if inside == 0 {
		return x, cond, conform.Skip("no row with values from %v to %v in magnitude is in the layer's domain", farFrom, to)
	}
	return x.Samples(0, inside), cond.Samples(0, inside), nil
}

// leastChange is the least change of numeric log-dets from one step to the
// next. Far out a derivative may be tiny beside the value, as where a spline's
// parameters saturate, and then differences lose digits: so many.
func leastChange(numeric []float64) float64 {
	least := math.Inf(1)
	for i, v := range numeric[1:] {
		if change := math.Abs(v - numeric[i]); change < least {
			least = change
		}
	}
	if math.IsInf(least, 1) {
		return 0 // every other step left the domain
	}
	return least
}

// checkFarJacobian is checkForwardJacobian far out. The round trip compares the
// log-det of the inverse with that of Forward, as far out.
func checkFarJacobian(s *suite) error {
	x, cond, err := s.F64.far(15)
	if err != nil {
		return err
	}
	return checkJacobian(s.F64, x, cond, "Pass.Forward", leastChange, forward[float64])
}

// checkFarGradients is checkGradients far out.
func checkFarGradients(s *suite) error {
	if err := s.F64.needGradient(); err != nil {
		return err
	}
	x, cond, err := s.F64.far(42)
	if err != nil {
		return err
	}
	return conform.Prefix(checkGradientsAt(s.F64, x, cond), "rows with values from %v in magnitude", farFrom)
}

// sample is row i of a batch.
func sample[T bijector.Float](m bijector.Mat[T], i int) []T {
	v := make([]T, m.D)
	for j := range v {
		v[j] = m.Feature(j)[i]
	}
	return v
}
