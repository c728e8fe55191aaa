// How much a flow's inverse stretches.

package flow

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/columns"
	"github.com/bijou-flow/bijou/internal/rows"
)

// measureGains finds the largest gain over the steepest rows.
func (e *diagnoser[T]) measureGains(ctx context.Context) error {
	directions := unitVectors(e.flow.Dim())
	for _, s := range e.largestLogDets {
		if err := ctx.Err(); err != nil {
			return err
		}
		g := e.rowGain(s.x, s.cond, directions)
		if e.diagnosis.GainRows++; g > e.diagnosis.Gain {
			e.diagnosis.Gain, e.diagnosis.GainRow = g, s.row
		}
	}
	return nil
}

// unitVectors are directions of length 1, the axes where there are few.
func unitVectors(d int) [][]float64 {
	vectors := make([][]float64, min(d, maxDirections))
	rng := rand.New(rand.NewPCG(1, 0x6761696e))
	for k := range vectors {
		w := make([]float64, d)
		vectors[k] = w
		if d <= maxDirections {
			w[k] = 1
			continue
		}
		for j := range w {
			w[j] = rng.NormFloat64()
		}
		norm := math.Sqrt(dot(w, w))
		for j := range w {
			w[j] /= norm
		}
	}
	return vectors
}

// rowGain is the largest stretch at one row: of the columns J w by themselves
// where the directions are some of many, and of all their combinations, the
// largest singular value of J, where they are the axes.
func (e *diagnoser[T]) rowGain(x, cond bijector.Mat[T], vectors [][]float64) float64 {
	d, n := x.D, 2*len(vectors)
	z := e.z.Resize(1)
	e.pass.Forward(z, x, e.embedContext(cond), make([]float64, 1))
	at := make([]float64, d)
	size := 1.0
	for j := range at {
		at[j] = float64(z.Feature(j)[0])
		size = max(size, math.Abs(at[j]))
	}
	h := size * math.Cbrt(columns.Epsilon[T]())
	ends := e.z.Resize(n)
	for k, w := range vectors {
		for j := range d {
			ends.Feature(j)[2*k], ends.Feature(j)[2*k+1] = T(at[j]+h*w[j]), T(at[j]-h*w[j])
		}
	}
	repeated := bijector.NewMat[T](cond.D, n)
	for j := range cond.D {
		for i := range n {
			repeated.Feature(j)[i] = cond.Feature(j)[0]
		}
	}
	out := e.x.Resize(n)
	logDet := make([]float64, n)
	e.pass.Inverse(out, ends, e.embedContext(repeated), logDet)
	for _, v := range logDet {
		if math.IsInf(v, -1) { // a step away there is no inverse
			return math.Inf(1)
		}
	}
	columns := make([][]float64, len(vectors)) // J w
	longest := 0.0
	for k := range columns {
		c := make([]float64, d)
		for j := range c {
			c[j] = (float64(out.Feature(j)[2*k]) - float64(out.Feature(j)[2*k+1])) / (2 * h)
		}
		columns[k] = c
		if l := math.Sqrt(dot(c, c)); !rows.IsFinite(l) {
			return math.Inf(1)
		} else if l > longest {
			longest = l
		}
	}
	if d > maxDirections {
		return longest
	}
	return largestSingularValue(columns, longest)
}

// largestSingularValue is that of a matrix of columns, by power iteration on J^T J.
// The longest column is a lower bound already.
func largestSingularValue(columns [][]float64, longest float64) float64 {
	d := len(columns)
	if longest == 0 {
		return 0
	}
	v, u := make([]float64, d), make([]float64, len(columns[0]))
	for k, c := range columns {
		v[k] = dot(c, c)/(longest*longest) + 1e-3*float64(1+k%7)
	}
	last := 0.0
	for range 300 {
		norm := math.Sqrt(dot(v, v))
		clear(u)
		for k, c := range columns {
			for j, a := range c {
				u[j] += a * v[k] / norm
			}
		}
		gain := math.Sqrt(dot(u, u))
		for k, c := range columns {
			v[k] = dot(c, u)
		}
		if math.Abs(gain-last) <= 1e-9*gain {
			break
		}
		last = gain
	}
	return max(last, longest)
}
