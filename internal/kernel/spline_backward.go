// The adjoint of a row of rational-quadratic splines.

package kernel

// SplineGrads are the gradients by what makes a row of splines. DFirst and DLast
// matter with FreeEnds alone.
type SplineGrads[T Float] struct {
	Logits      [2]Strided[T] // K rows each
	Slopes      Strided[T]    // K-1 rows
	First, Last []T
}

// Backward is the adjoint of SplineShares, Locate, the slopes and Forward, given the
// gradients of y and of the log-determinant: coupling's Backward has the derivation. dx may be dy.
func (s *Spline[T]) Backward(dx []T, d SplineGrads[T], dy []T, dLogDet []float64) {
	s.check()
	if len(dx) != s.N || len(dy) != s.N || len(dLogDet) != s.N || d.Logits[0].short(s.Bins, s.N) || d.Logits[1].short(s.Bins, s.N) ||
		d.Slopes.short(s.Bins-1, s.N) || s.FreeEnds && (len(d.First) != s.N || len(d.Last) != s.N) {
		panic(lengths)
	}
	if s.backwardVector(dx, d, dy, dLogDet) {
		return
	}
	for i, v := range s.At {
		var p SplinePartials
		bin := int(s.Bin[i])
		if v < -s.Bound || v > s.Bound {
			dx[i] = dy[i]
		} else {
			p = s.Partials(i, v, float64(dy[i]), dLogDet[i])
			dx[i] = T(p.Dx)
		}
		for a, rows := range d.Logits {
			for k := range s.Bins {
				g := p.Above[a]
				if k < bin {
					g = p.Below[a]
				} else if k == bin {
					g = p.Inside[a]
				}
				rows.Data[k*rows.Stride+i] = T(s.Shares[a].Data[k*s.Shares[a].Stride+i] * g)
			}
		}
		at := func(knot int) T {
			switch knot {
			case bin:
				return T(p.DStart)
			case bin + 1:
				return T(p.DEnd)
			}
			return 0
		}
		for k := range s.Bins - 1 {
			d.Slopes.Data[k*d.Slopes.Stride+i] = at(k + 1)
		}
		if s.FreeEnds {
			d.First[i], d.Last[i] = at(0), at(s.Bins)
		}
	}
}

// SplinePartials are the gradients of a value: by it, by the logarithm of a share
// below its bin, of its bin's and of one above, on both axes, and by the raw slopes of its bin.
type SplinePartials struct {
	Dx                   float64
	Below, Inside, Above [2]float64
	DStart, DEnd         float64
}

// Partials are those of value i, at v in the box, given the gradients of what it
// becomes and of the log-determinant.
func (s *Spline[T]) Partials(i int, v, g, l float64) SplinePartials {
	w, h := s.Size[0][i], s.Size[1][i]
	p := SplineBin{h / w, s.Start[i], s.End[i]}
	q := clampUnit((v - s.Low[0][i]) / w)
	dq, ds, dd0, dd1, n := p.Partials(q, w, h, g, l)
	r := SplinePartials{Dx: dq / w, DStart: dd0 * s.StartFactor[i], DEnd: dd1 * s.EndFactor[i]}
	s.spread(&r, 0, i, -r.Dx, -(q*dq+p.S*ds)/w)
	s.spread(&r, 1, i, g, g*n+ds/w)
	return r
}

// spread hands the gradients of a bin's lower end and of its size on to the shares of
// an axis: the end is the sum of the sizes before it.
func (s *Spline[T]) spread(r *SplinePartials, a, i int, dLow, dSize float64) {
	below := s.Low[a][i] + s.Bound - s.Bin[i]*s.Least[a]
	mean := (dLow*below + dSize*(s.Size[a][i]-s.Least[a])) / s.Free[a] // sum_j p_j g_j for shares p of 1
	scale := s.Scale[a][i]
	r.Below[a], r.Inside[a], r.Above[a] = scale*(dLow-mean), scale*(dSize-mean), -scale*mean
}
