// Rational-quadratic splines, a row of values at a time: from what a network gives to the sizes and
// slopes of each value's bin, the value and its slope, and their gradients. All is computed in
// float64, whatever the rows' type; see coupling.Spline for the formulas.

package kernel

import "math"

// Strided are rows of equal length: row k starts at Data[k*Stride].
type Strided[T Float] struct {
	Data   []T
	Stride int
}

// SplineShape are the numbers that the splines of a row share.
type SplineShape struct {
	Bins        int        // K, at least 2
	Bound, Edge float64    // the box is from -Bound to Bound; Edge is the last T in it
	Least, Free [2]float64 // a bin's size is Least + Free*share, along the values' axis and along the other
	MinSlope    float64
	Offset      float64 // a slope is MinSlope + softplus(Offset + raw),
	MaxRaw      float64 // raw counting as MaxRaw above it,
	FreeEnds    bool    // and 1 at the ends of the box, unless these are parameters too
}

// Spline is a row of N values, each with a spline of its own. First and Last matter
// with FreeEnds alone.
type Spline[T Float] struct {
	SplineShape
	N           int
	Slopes      Strided[T] // raw slopes at the knots 1 to K-1
	First, Last []T        // and at the knots 0 and K

	At     []float64           // where the values are; NaN is in the box
	Shares [2]Strided[float64] // K rows each, from SplineShares
	Scale  [2][]float64        // likewise

	Bin                    []float64    // the bin of a value, from 0
	Low, Size              [2][]float64 // its lower end and its size on both axes
	Start, End             []float64    // the slopes at its knots
	StartFactor, EndFactor []float64    // and their derivatives by the raw ones

	args  splineArgs
	ready bool
}

// SplineShares sets the exponentials from which bins are made, with most the largest logit of a value:
//
//	shares_k[i] = exp(logits_k[i] - most[i])
//	scale[i] = free / sum_k shares_k[i]
//
// for both axes. logits may be shares.
func SplineShares[T Float](n, bins int, free [2]float64, logits [2]Strided[T], shares [2]Strided[float64], scale [2][]float64) {
	for a := range 2 {
		if bins < 2 || logits[a].short(bins, n) || shares[a].short(bins, n) || len(scale[a]) != n {
			panic(lengths)
		}
	}
	if n == 0 || splineSharesVector(n, bins, free, logits, shares, scale) {
		return
	}
	for a, x := range logits {
		e := shares[a]
		for i := range scale[a] {
			most := x.Data[i]
			for k := 1; k < bins; k++ {
				if v := x.Data[k*x.Stride+i]; v > most {
					most = v
				}
			}
			sum := 0.0
			for k := range bins {
				p := exp(float64(x.Data[k*x.Stride+i]) - float64(most))
				e.Data[k*e.Stride+i] = p
				sum += p
			}
			scale[a][i] = free[a] / sum
		}
	}
}

// short says whether there are not as many rows of n.
func (s Strided[T]) short(rows, n int) bool {
	return n < 0 || s.Stride < 0 || rows > 0 && len(s.Data) < (rows-1)*s.Stride+n
}

// check panics where rows do not fit.
func (s *Spline[T]) check() {
	if s.ready {
		return
	}
	n := s.N
	if len(s.At) != n || len(s.Bin) != n || len(s.Start) != n || len(s.End) != n || len(s.StartFactor) != n || len(s.EndFactor) != n {
		panic(lengths)
	}
	for a := range 2 {
		if len(s.Scale[a]) != n || len(s.Low[a]) != n || len(s.Size[a]) != n || s.Shares[a].short(s.Bins, n) {
			panic(lengths)
		}
	}
	if s.Bins < 2 || s.Slopes.short(s.Bins-1, n) || s.FreeEnds && (len(s.First) != n || len(s.Last) != n) {
		panic(lengths)
	}
	s.prepare()
	s.ready = true
}

// Locate sets Bin, Low and Size, and in Start and End the raw slopes, 0 where there
// is no parameter. A bin's size is Least + Scale*share, and the last one ends at the bound. What is
// outside the box gets the bin at that end, and NaN the first.
func (s *Spline[T]) Locate() {
	s.check()
	if s.locateVector() {
		return
	}
	for i, v := range s.At {
		var size [2]float64
		low, bin := [2]float64{-s.Bound, -s.Bound}, 0
		for {
			for a := range 2 {
				if size[a] = s.Least[a] + float64(s.Scale[a][i]*s.Shares[a].Data[bin*s.Shares[a].Stride+i]); bin == s.Bins-1 {
					size[a] = s.Bound - low[a]
				}
			}
			if bin == s.Bins-1 || !(v >= low[0]+size[0]) {
				break
			}
			low[0] += size[0]
			low[1] += size[1]
			bin++
		}
		s.Bin[i] = float64(bin)
		for a := range 2 {
			s.Low[a][i], s.Size[a][i] = low[a], size[a]
		}
		s.Start[i], s.End[i] = s.raw(bin, i), s.raw(bin+1, i)
	}
}

// raw is the raw slope of value i at a knot.
func (s *Spline[T]) raw(knot, i int) float64 {
	switch {
	case knot > 0 && knot < s.Bins:
		return float64(s.Slopes.Data[(knot-1)*s.Slopes.Stride+i])
	case !s.FreeEnds:
		return 0
	case knot == 0:
		return float64(s.First[i])
	}
	return float64(s.Last[i])
}

// SoftplusSlopes makes slopes from the raw ones in Start and End, and sets their
// factors: softplus' derivative, 0 where a raw slope is clipped and where there is no parameter.
func (s *Spline[T]) SoftplusSlopes() {
	s.check()
	if s.slopesVector() {
		return
	}
	for i, bin := range s.Bin {
		s.slope(s.Start, s.StartFactor, i, !s.FreeEnds && bin == 0)
		s.slope(s.End, s.EndFactor, i, !s.FreeEnds && int(bin) == s.Bins-1)
	}
}

func (s *Spline[T]) slope(d, factor []float64, i int, fixed bool) {
	raw := d[i]
	u := min(raw, s.MaxRaw) + s.Offset
	d[i], factor[i] = s.MinSlope+softplus(u), sigmoid(u)
	if raw > s.MaxRaw {
		factor[i] = 0
	}
	if fixed {
		d[i], factor[i] = 1, 0
	}
}

// Forward sets y to the splines' values, x where it is outside the box, and adds the
// logarithm of their slopes to logDet, unless it is nil. What is in the box stays within its edges, and
// what is at the edges there.
func (s *Spline[T]) Forward(y, x []T, logDet []float64) {
	s.check()
	if len(y) != s.N || len(x) != s.N || logDet != nil && len(logDet) != s.N {
		panic(lengths)
	}
	if s.forwardVector(y, x, logDet) {
		return
	}
	for i, v := range s.At {
		if v < -s.Bound || v > s.Bound {
			y[i] = x[i]
			continue
		}
		w, h := s.Size[0][i], s.Size[1][i]
		p := SplineBin{h / w, s.Start[i], s.End[i]}
		num, den, inner := p.Eval(clampUnit((v - s.Low[0][i]) / w))
		to := min(max(s.Low[1][i]+float64(h*(num/den)), -s.Edge), s.Edge)
		if v >= s.Edge {
			to = s.Edge
		}
		if v <= -s.Edge {
			to = -s.Edge
		}
		y[i] = T(to)
		if logDet != nil {
			m := p.S / den
			logDet[i] += math.Log(m * m * inner)
		}
	}
}
