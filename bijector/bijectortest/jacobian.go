// Log-determinants against the determinant of a numeric Jacobian.

package bijectortest

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/rows"
)

// numericLogDets are log|det df/dx| at a sample, one for each step; a step
// that leaves the domain gives NaN.
func numericLogDets(f func(in bijector.Mat[float64]) bijector.Mat[float64], x []float64) []float64 {
	d := len(x)
	var all []float64
	for _, h := range conform.Steps {
		in := bijector.NewMat[float64](d, len(conform.Stencil)*d)
		for j, v := range x {
			row := in.Feature(j)
			for i := range row {
				row[i] = v
			}
			for k, s := range conform.Stencil {
				row[k*d+j] += s.Offset * h * max(1, math.Abs(v))
			}
		}
		out := f(in)
		jac, ok := mat.NewDense(d, d, nil), true
		for a := range d {
			for b := range d {
				sum := 0.0
				for k, s := range conform.Stencil {
					sum += s.Weight * out.Feature(a)[k*d+b]
				}
				sum /= h * max(1, math.Abs(x[b]))
				ok = ok && rows.IsFinite(sum)
				jac.Set(a, b, sum)
			}
		}
		if !ok {
			all = append(all, math.NaN())
			continue
		}
		var lu mat.LU
		lu.Factorize(jac)
		v, _ := lu.LogDet()
		all = append(all, v)
	}
	return all
}

// checkJacobian compares the log-dets of one direction at a few samples. slack
// is what the numeric log-dets of a sample, one for each step, may be off by.
func checkJacobian(f *fixture[float64], in, cond bijector.Mat[float64], name string, slack func(numeric []float64) float64,
	run func(l bijector.Layer[float64], in, cond bijector.Mat[float64]) (bijector.Mat[float64], []float64),
) error {
	_, logDet := run(f.layer, in, cond)
	x := make([]float64, f.d)
	for i := range in.N {
		for j := range x {
			x[j] = in.Feature(j)[i]
		}
		numeric := numericLogDets(func(points bijector.Mat[float64]) bijector.Mat[float64] {
			out, _ := run(f.layer, points, repeat(cond, i, points.N))
			return out
		}, x)
		ok, tol := false, 1e-6+slack(numeric)
		for _, v := range numeric {
			ok = ok || conform.Same(logDet[i], v, tol, 1)
		}
		if !ok {
			return fmt.Errorf("%s adds log-det %v to sample %d; log|det| of the numeric Jacobian of its output is %v (one for each step)", name, logDet[i], i, numeric)
		}
	}
	return nil
}

// exact allows numeric log-dets nothing.
func exact([]float64) float64 { return 0 }

// repeat is a batch of n copies of sample i.
func repeat(m bijector.Mat[float64], i, n int) bijector.Mat[float64] {
	r := bijector.NewMat[float64](m.D, n)
	for j := range m.D {
		for k := range n {
			r.Feature(j)[k] = m.Feature(j)[i]
		}
	}
	return r
}

func checkForwardJacobian(s *suite) error {
	x, cond := s.F64.data(5, 10)
	return checkJacobian(s.F64, x, cond, "Pass.Forward", exact, forward[float64])
}

func checkInverseJacobian(s *suite) error {
	x, cond := s.F64.data(5, 11)
	z, _ := forward(s.F64.layer, x, cond)
	return checkJacobian(s.F64, z, cond, "Pass.Inverse", exact, inverse[float64])
}

// checkPrecision compares float32 with float64 on the same weights and data.
func checkPrecision(s *suite) error {
	x32, c32 := s.F32.data(60, 12)
	x64, c64 := s.F64.data(60, 12)
	z32, ld32 := forward(s.F32.layer, x32, c32)
	z64, ld64 := forward(s.F64.layer, x64, c64)
	return conform.Prefix(conform.FirstError(
		conform.Mats("z", widen(z32), z64, 1e-4),
		conform.Slices("logDet", ld32, ld64, 1e-4),
	), "Forward in float32 against float64 with the same weights")
}

func widen(m bijector.Mat[float32]) bijector.Mat[float64] {
	w := bijector.NewMat[float64](m.D, m.N)
	for j := range m.D {
		for i, v := range m.Feature(j) {
			w.Feature(j)[i] = float64(v)
		}
	}
	return w
}

// checkRoundTrip runs both directions after each other, from data and from
// latents.
func checkRoundTrip[T bijector.Float](f *fixture[T]) error {
	tol := 1e-8
	if conform.Is32[T]() {
		tol = 1e-4
	}
	x, cond := f.data(60, 13)
	if err := roundTrip(f.layer, x, cond, tol); err != nil {
		return conform.Prefix(err, "in distribution")
	}
	extent := f.extent()
	if conform.Is32[T]() || extent == 0 {
		return nil
	}
	rng := f.rng(14)
	for j := range x.D {
		for i := range x.N {
			x.Feature(j)[i] = T((2*rng.Float64() - 1) * math.Pow(extent, float64(i+1)/float64(x.N)))
		}
	}
	return conform.Prefix(roundTrip(f.layer, x, cond, tol), "inputs up to %g", extent)
}

func roundTrip[T bijector.Float](l bijector.Layer[T], x, cond bijector.Mat[T], tol float64) error {
	z, ldF := forward(l, x, cond)
	back, ldI := inverse(l, z, cond)
	again, _ := forward(l, back, cond)
	for i := range ldI {
		ldI[i] = -ldI[i]
	}
	return conform.FirstError(
		conform.Mats("Inverse(Forward(x))", back, x, tol),
		conform.Mats("Forward(Inverse(z))", again, z, tol),
		conform.Slices("minus the log-det of Inverse, against that of Forward", ldI, ldF, tol),
	)
}
