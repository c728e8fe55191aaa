//go:build !purego

// Splines on amd64: what the assembly is given, and calls of it.

package kernel

import "unsafe"

// splineArgs is what the assembly is given; asm/spline.go lists the same fields in the same order.
// Strides are in bytes.
type splineArgs struct {
	n, from, bins                      int
	logits                             [2]unsafe.Pointer
	logitStride                        int
	shares                             [2]unsafe.Pointer
	shareStride                        int
	scale                              [2]unsafe.Pointer
	slopes, first, last                unsafe.Pointer
	slopeStride                        int
	dLogits                            [2]unsafe.Pointer
	dLogitStride                       int
	dSlopes, dFirst, dLast             unsafe.Pointer
	dSlopeStride                       int
	at, bin                            unsafe.Pointer
	low, size                          [2]unsafe.Pointer
	start, end, startFactor, endFactor unsafe.Pointer
	y, x, logDet                       unsafe.Pointer
	bound, edge                        float64
	least, free                        [2]float64
	minSlope, offset, maxRaw           float64
	fixedFirst, fixedLast              float64 // the bins with an end whose slope is 1, or -1
}

// A call of assembly, which nothing can interrupt, is for so many values times bins: some 30
// microseconds.
const splineChunk = 1 << 14

type splineKernel int

const (
	splineShares splineKernel = iota
	splineLocate
	splineSlopes
	splineForward
	splineBackward
)

// run calls a kernel, for elements of so many bytes, until n values are done.
func (a *splineArgs) run(k splineKernel, n, size int) {
	limit := max(splineChunk/a.bins&^15, 16)
	for from := 0; from < n; from += limit {
		a.from, a.n = from, min(limit, n-from)
		arg := (*byte)(unsafe.Pointer(a))
		switch {
		case path == avx512 && size == 4:
			k.z32(arg)
		case path == avx512:
			k.z64(arg)
		case size == 4:
			k.y32(arg)
		default:
			k.y64(arg)
		}
	}
}

func (k splineKernel) z32(arg *byte) {
	switch k {
	case splineShares:
		splineSharesZ32(arg)
	case splineLocate:
		splineLocateZ32(arg)
	case splineSlopes:
		splineSlopesZ32(arg)
	case splineForward:
		splineForwardZ32(arg)
	default:
		splineBackwardZ32(arg)
	}
}

func (k splineKernel) z64(arg *byte) {
	switch k {
	case splineShares:
		splineSharesZ64(arg)
	case splineLocate:
		splineLocateZ64(arg)
	case splineSlopes:
		splineSlopesZ64(arg)
	case splineForward:
		splineForwardZ64(arg)
	default:
		splineBackwardZ64(arg)
	}
}

func (k splineKernel) y32(arg *byte) {
	switch k {
	case splineShares:
		splineSharesY32(arg)
	case splineLocate:
		splineLocateY32(arg)
	case splineSlopes:
		splineSlopesY32(arg)
	case splineForward:
		splineForwardY32(arg)
	default:
		splineBackwardY32(arg)
	}
}

func (k splineKernel) y64(arg *byte) {
	switch k {
	case splineShares:
		splineSharesY64(arg)
	case splineLocate:
		splineLocateY64(arg)
	case splineSlopes:
		splineSlopesY64(arg)
	case splineForward:
		splineForwardY64(arg)
	default:
		splineBackwardY64(arg)
	}
}

func first[E any](s []E) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }

func splineSharesVector[T Float](n, bins int, free [2]float64, logits [2]Strided[T], shares [2]Strided[float64], scale [2][]float64) bool {
	if path == portable || logits[0].Stride != logits[1].Stride || shares[0].Stride != shares[1].Stride {
		return false
	}
	size := elementSize[T]()
	var a splineArgs
	a.bins, a.free = bins, free
	for i := range 2 {
		a.logits[i], a.shares[i], a.scale[i] = first(logits[i].Data), first(shares[i].Data), first(scale[i])
	}
	a.logitStride, a.shareStride = logits[0].Stride*size, shares[0].Stride*8
	a.run(splineShares, n, size)
	return true
}

// prepare sets args.
func (s *Spline[T]) prepare() {
	if path == portable {
		return
	}
	a := &s.args // field by field: a literal would be made elsewhere and copied
	a.bins = s.Bins
	for i := range 2 {
		a.shares[i], a.scale[i] = first(s.Shares[i].Data), first(s.Scale[i])
		a.low[i], a.size[i] = first(s.Low[i]), first(s.Size[i])
	}
	a.shareStride = s.Shares[0].Stride * 8
	a.slopes, a.slopeStride = first(s.Slopes.Data), s.Slopes.Stride*elementSize[T]()
	a.at, a.bin = first(s.At), first(s.Bin)
	a.start, a.end, a.startFactor, a.endFactor = first(s.Start), first(s.End), first(s.StartFactor), first(s.EndFactor)
	a.bound, a.edge, a.least, a.free = s.Bound, s.Edge, s.Least, s.Free
	a.minSlope, a.offset, a.maxRaw = s.MinSlope, s.Offset, s.MaxRaw
	a.fixedLast = float64(s.Bins - 1)
	if s.FreeEnds {
		a.first, a.last = first(s.First), first(s.Last)
		a.fixedFirst, a.fixedLast = -1, -1
	}
}

// vector calls a kernel on the rows; it reports whether it ran.
func (s *Spline[T]) vector(k splineKernel) bool {
	if path == portable || s.Shares[0].Stride != s.Shares[1].Stride {
		return false
	}
	s.args.run(k, s.N, elementSize[T]())
	return true
}

func (s *Spline[T]) locateVector() bool { return s.vector(splineLocate) }

func (s *Spline[T]) slopesVector() bool { return s.vector(splineSlopes) }

func (s *Spline[T]) forwardVector(y, x []T, logDet []float64) bool {
	s.args.y, s.args.x, s.args.logDet = first(y), first(x), first(logDet)
	return s.vector(splineForward)
}

func (s *Spline[T]) backwardVector(dx []T, d SplineGrads[T], dy []T, dLogDet []float64) bool {
	if d.Logits[0].Stride != d.Logits[1].Stride {
		return false
	}
	size := elementSize[T]()
	a := &s.args
	a.y, a.x, a.logDet = first(dy), first(dx), first(dLogDet)
	a.dLogits, a.dLogitStride = [2]unsafe.Pointer{first(d.Logits[0].Data), first(d.Logits[1].Data)}, d.Logits[0].Stride*size
	a.dSlopes, a.dSlopeStride = first(d.Slopes.Data), d.Slopes.Stride*size
	a.dFirst, a.dLast = nil, nil
	if s.FreeEnds {
		a.dFirst, a.dLast = first(d.First), first(d.Last)
	}
	return s.vector(splineBackward)
}
