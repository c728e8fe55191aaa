package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// splineCase are rows of splines of which every one is guarded.
type splineCase[T Float] struct {
	Spline[T]
	logits        [2]Strided[T]
	x, y, dx, dy  []T
	logDet, dLogD []float64
	grads         SplineGrads[T]
	intact        []func() bool
}

// guardedRows returns guarded memory for rows of n, some elements apart.
func guardedRows[T, U Float](c *splineCase[T], rows, n, offset int) Strided[U] {
	stride := n + 3
	data, ok := guarded[U](max((rows-1)*stride+n, 0), offset)
	c.intact = append(c.intact, ok)
	return Strided[U]{data, stride}
}

// newSplineCase makes n random splines. Values are in the box, outside, at its ends, and NaN; some
// logits are far apart, and some raw slopes are beyond what counts.
func newSplineCase[T Float](rng *rand.Rand, n, bins int, freeEnds bool) *splineCase[T] {
	const bound = 3.3
	c := &splineCase[T]{}
	edge := T(bound)
	if float64(edge) > bound {
		edge = T(math.Nextafter32(float32(edge), 0))
	}
	least := [2]float64{2 * bound * 1e-3, 2 * bound * 2e-3}
	c.SplineShape = SplineShape{
		Bins: bins, Bound: bound, Edge: float64(edge), Least: least, FreeEnds: freeEnds,
		Free:     [2]float64{2*bound - float64(bins)*least[0], 2*bound - float64(bins)*least[1]},
		MinSlope: 1e-3, Offset: math.Log(math.Expm1(1 - 1e-3)), MaxRaw: 20,
	}
	c.N = n
	wide := func() []float64 { return guardedRows[T, float64](c, 1, n, n%3).Data[:n] }
	row := func() []T { return guardedRows[T, T](c, 1, n, n%5).Data[:n] }
	for a := range 2 {
		c.logits[a] = guardedRows[T, T](c, bins, n, (n+a)%5)
		c.Shares[a] = guardedRows[T, float64](c, bins, n, n%2)
		c.grads.Logits[a] = guardedRows[T, T](c, bins, n, n%4)
		c.Scale[a], c.Low[a], c.Size[a] = wide(), wide(), wide()
		for k := range bins {
			for i := range n {
				v := 2 * rng.NormFloat64()
				if i%11 == 7 {
					v *= 100
				}
				c.logits[a].Data[k*c.logits[a].Stride+i] = T(v)
			}
		}
	}
	c.Slopes, c.grads.Slopes = guardedRows[T, T](c, bins-1, n, 1), guardedRows[T, T](c, bins-1, n, 2)
	c.First, c.Last, c.grads.First, c.grads.Last = row(), row(), row(), row()
	for k := range bins - 1 {
		fill(rng, c.Slopes.Data[k*c.Slopes.Stride:][:n])
	}
	for i := range n {
		scale := T(1 + i%9*3)
		for k := range bins - 1 {
			c.Slopes.Data[k*c.Slopes.Stride+i] *= scale
		}
		c.First[i], c.Last[i] = T(rng.NormFloat64()), T(25*rng.NormFloat64())
	}
	c.At, c.Bin, c.Start, c.End, c.StartFactor, c.EndFactor = wide(), wide(), wide(), wide(), wide(), wide()
	c.x, c.y, c.dx, c.dy = row(), row(), row(), row()
	c.logDet, c.dLogD = wide(), wide()
	for i := range n {
		x := []T{
			T(bound * (2*rng.Float64() - 1)), edge, -edge, T(bound * (2*rng.Float64() - 1)), 7, T(bound * (2*rng.Float64() - 1)),
			-3.5, T(rng.NormFloat64()), T(math.NaN()), T(math.Inf(1)), T(math.Inf(-1)), T(rng.NormFloat64()), 0,
		}[rng.IntN(13)]
		c.x[i], c.At[i] = x, float64(x)
		c.dy[i], c.dLogD[i], c.logDet[i] = T(rng.NormFloat64()), rng.NormFloat64(), rng.NormFloat64()
	}
	return c
}

// run is all of it, forth and back, of values lo to hi.
func (c *splineCase[T]) run(lo, hi int) {
	cut := func(s Strided[T]) Strided[T] { return Strided[T]{s.Data[lo : len(s.Data)-(c.N-hi)], s.Stride} }
	cutWide := func(s Strided[float64]) Strided[float64] {
		return Strided[float64]{s.Data[lo : len(s.Data)-(c.N-hi)], s.Stride}
	}
	s := Spline[T]{SplineShape: c.SplineShape, N: hi - lo, Slopes: cut(c.Slopes), First: c.First[lo:hi], Last: c.Last[lo:hi]}
	g := SplineGrads[T]{Slopes: cut(c.grads.Slopes), First: c.grads.First[lo:hi], Last: c.grads.Last[lo:hi]}
	var logits [2]Strided[T]
	for a := range 2 {
		logits[a], s.Shares[a], g.Logits[a] = cut(c.logits[a]), cutWide(c.Shares[a]), cut(c.grads.Logits[a])
		s.Scale[a], s.Low[a], s.Size[a] = c.Scale[a][lo:hi], c.Low[a][lo:hi], c.Size[a][lo:hi]
	}
	s.At, s.Bin, s.Start, s.End = c.At[lo:hi], c.Bin[lo:hi], c.Start[lo:hi], c.End[lo:hi]
	s.StartFactor, s.EndFactor = c.StartFactor[lo:hi], c.EndFactor[lo:hi]
	SplineShares(s.N, s.Bins, s.Free, logits, s.Shares, s.Scale)
	s.Locate()
	s.SoftplusSlopes()
	s.Forward(c.y[lo:hi], c.x[lo:hi], c.logDet[lo:hi])
	s.Backward(c.dx[lo:hi], g, c.dy[lo:hi], c.dLogD[lo:hi])
}

// results are the rows that run writes, by name.
func (c *splineCase[T]) results() map[string][]float64 {
	r := map[string][]float64{
		"bin": c.Bin, "start": c.Start, "end": c.End, "start factor": c.StartFactor, "end factor": c.EndFactor, "log-det": c.logDet,
	}
	widened := func(name string, row []T) {
		r[name] = make([]float64, c.N)
		Widen(r[name], row[:c.N])
	}
	for a := range 2 {
		r[fmt.Sprint("scale ", a)], r[fmt.Sprint("low ", a)], r[fmt.Sprint("size ", a)] = c.Scale[a], c.Low[a], c.Size[a]
		for k := range c.Bins {
			r[fmt.Sprint("share ", a, k)] = c.Shares[a].Data[k*c.Shares[a].Stride:][:c.N]
			widened(fmt.Sprint("gradient of logit ", a, k), c.grads.Logits[a].Data[k*c.grads.Logits[a].Stride:])
		}
	}
	for k := range c.Bins - 1 {
		widened(fmt.Sprint("gradient of slope ", k), c.grads.Slopes.Data[k*c.grads.Slopes.Stride:])
	}
	if c.FreeEnds {
		widened("gradient of the first slope", c.grads.First)
		widened("gradient of the last slope", c.grads.Last)
	}
	widened("y", c.y)
	widened("dx", c.dx)
	return r
}

// largest is the largest gradient of each value: what is small may be a difference of such.
func largest(rows map[string][]float64, n int) []float64 {
	most := make([]float64, n)
	for name, row := range rows {
		for i, v := range row {
			if (name == "dx" || strings.HasPrefix(name, "gradient")) && math.Abs(v) > most[i] {
				most[i] = math.Abs(v)
			}
		}
	}
	return most
}

func testSpline[T Float](t *testing.T) {
	here, tolerance := path, 1e-12
	if is32[T]() {
		tolerance = 2e-7 // a rounding, and functions right to 4e-12
	}
	sizes := []int{64, 65, 91, 130, 1100} // the last in several calls, where bins are many
	for n := range 41 {
		sizes = append(sizes, n)
	}
	for _, n := range sizes {
		for _, bins := range []int{2, 3, 8, 17} {
			freeEnds := (n+bins)%2 == 0
			make := func() *splineCase[T] {
				return newSplineCase[T](rand.New(rand.NewPCG(uint64(n), uint64(bins))), n, bins, freeEnds)
			}
			c, parts, want := make(), make(), make()
			c.run(0, n)
			for lo := 0; lo < n; lo += 7 {
				parts.run(lo, min(lo+7, n))
			}
			force(portable)
			want.run(0, n)
			force(here)
			for _, ok := range c.intact {
				if !ok() {
					t.Fatalf("%d values of %d bins: wrote outside", n, bins)
				}
			}
			inParts, exact := parts.results(), want.results()
			scale := largest(exact, n)
			for name, row := range c.results() {
				for i, v := range row {
					if !sameBits(v, inParts[name][i]) {
						t.Fatalf("%s of value %d of %d, %d bins, is %v, and %v in parts", name, i, n, bins, v, inParts[name][i])
					}
					w := exact[name][i]
					if v == w || v != v && w != w || math.Abs(v-w) <= tolerance*max(1, math.Abs(w)) ||
						strings.HasPrefix(name, "gradient") && math.Abs(v-w) <= tolerance*scale[i] {
						continue
					}
					t.Fatalf("%s of value %d of %d, %v, %d bins, is %v, want %v", name, i, n, c.x[i], bins, v, w)
				}
			}
		}
	}
}

func TestSpline(t *testing.T) { everywhere(t, testSpline[float32], testSpline[float64]) }
