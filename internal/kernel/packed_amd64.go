//go:build !purego

// Packed matrices on amd64: a call of assembly a panel.

package kernel

import "unsafe"

// packedInner is the inner indices in a call: assembly cannot be interrupted, and lists those that
// are not zero on its stack.
const packedInner = 512

// applyVector is Apply by assembly; it reports whether it ran.
func (p *Packed[T]) applyVector(y, x []T, relu bool) bool {
	if path == portable || !p.finite {
		return false
	}
	for i := range p.panels {
		q := &p.panels[i]
		if len(x) <= packedInner {
			run(&q.call, unsafe.SliceData(x), &y[q.at], len(x), relu)
		} else {
			q.long(y[q.at:], x, relu)
		}
	}
	return true
}

// prepare sets what the assembly is given.
func (q *panelOf[T]) prepare() {
	if path == portable {
		return
	}
	size := elementSize[T]()
	line := lineBytes / size
	q.call = packedPanel{
		rows:   unsafe.Pointer(unsafe.SliceData(q.rows)),
		rest:   unsafe.Pointer(unsafe.SliceData(q.rest)),
		stride: q.stride * size,
		bias:   unsafe.Pointer(unsafe.SliceData(q.bias)),
		kind:   2 * q.lines,
	}
	last := q.n - q.lines*line // lanes of the last vector: of the rest, or else
	switch {
	case q.stride > 0:
		q.call.kind++
	case path == avx512:
		last += line
	default:
		last += line / 2
	}
	if path == avx512 {
		q.call.mask = 1<<last - 1
	} else {
		q.call.mask = uintptr(unsafe.Pointer(&laneMasks[(line/2-last)*size/4]))
	}
}

// long runs a panel in parts, each of which starts where the one before stopped.
func (q *panelOf[T]) long(y, x []T, relu bool) {
	var sums [panelLines * lineBytes / 8]float64
	part := q.call
	for l := 0; l < len(x); l += packedInner {
		n := min(packedInner, len(x)-l)
		if q.lines > 0 {
			part.rows = unsafe.Pointer(&q.rows[len(q.rows)/len(x)*l])
		}
		if q.stride > 0 {
			part.rest = unsafe.Pointer(&q.rest[q.stride*l])
		}
		if l+n == len(x) {
			run(&part, &x[l], &y[0], n, relu)
			return
		}
		run(&part, &x[l], (*T)(unsafe.Pointer(&sums)), n, false)
		part.bias = unsafe.Pointer(&sums)
	}
}

// run calls the kernel for a panel.
func run[T Float](panel *packedPanel, x, y *T, k int, relu bool) {
	rectify := 0
	if relu {
		rectify = 1
	}
	p, from, to := (*byte)(unsafe.Pointer(panel)), unsafe.Pointer(x), unsafe.Pointer(y)
	switch {
	case isSingle[T]() && path == avx512:
		packedZ32(p, (*float32)(from), (*float32)(to), k, rectify)
	case isSingle[T]():
		packedY32(p, (*float32)(from), (*float32)(to), k, rectify)
	case path == avx512:
		packedZ64(p, (*float64)(from), (*float64)(to), k, rectify)
	default:
		packedY64(p, (*float64)(from), (*float64)(to), k, rectify)
	}
}
