//go:build !purego

// Packed matrices on amd64: a call of assembly a panel.

package kernel

import "unsafe"

// packedPanel is what the assembly is given; asm/single.go lists the same fields in the same order.
type packedPanel struct {
	x      unsafe.Pointer
	k      int
	rows   unsafe.Pointer
	rest   unsafe.Pointer
	stride int // bytes
	bias   unsafe.Pointer
	y      unsafe.Pointer
	relu   int
	mask   uintptr
	kind   int
}

// Inner indices in a call: assembly cannot be interrupted.
const packedInner = 1 << 13

// applyVector is Apply by assembly; it reports whether it ran.
func (p *Packed[T]) applyVector(y, x []T, relu bool) bool {
	if path == portable {
		return false
	}
	for i := range p.panels {
		q := &p.panels[i]
		a := q.arguments()
		a.x, a.k = unsafe.Pointer(unsafe.SliceData(x)), len(x)
		a.y = unsafe.Pointer(&y[q.at])
		if relu {
			a.relu = 1
		}
		if a.k <= packedInner {
			a.run(elementSize[T]())
		} else {
			q.long(a, x)
		}
	}
	return true
}

// arguments are those that do not depend on the vector.
func (q *panelOf[T]) arguments() packedPanel {
	size := elementSize[T]()
	line := lineBytes / size
	a := packedPanel{
		rows:   unsafe.Pointer(unsafe.SliceData(q.rows)),
		rest:   unsafe.Pointer(unsafe.SliceData(q.rest)),
		stride: q.stride * size,
		bias:   unsafe.Pointer(unsafe.SliceData(q.bias)),
		kind:   2 * q.lines,
	}
	last := q.n - q.lines*line // lanes of the last vector: of the rest, or else
	switch {
	case q.stride > 0:
		a.kind++
	case path == avx512:
		last += line
	default:
		last += line / 2
	}
	if path == avx512 {
		a.mask = 1<<last - 1
	} else {
		a.mask = uintptr(unsafe.Pointer(&laneMasks[(line/2-last)*size/4]))
	}
	return a
}

// long runs a panel in parts, each of which starts where the one before stopped.
func (q *panelOf[T]) long(a packedPanel, x []T) {
	var sums [panelLines * lineBytes / 8]float64
	y, relu := a.y, a.relu
	for l := 0; l < len(x); l += packedInner {
		a.x, a.k = unsafe.Pointer(&x[l]), min(packedInner, len(x)-l)
		if q.lines > 0 {
			a.rows = unsafe.Pointer(&q.rows[len(q.rows)/len(x)*l])
		}
		if q.stride > 0 {
			a.rest = unsafe.Pointer(&q.rest[q.stride*l])
		}
		a.y, a.relu = unsafe.Pointer(&sums), 0
		if l+a.k == len(x) {
			a.y, a.relu = y, relu
		}
		a.run(elementSize[T]())
		a.bias = unsafe.Pointer(&sums)
	}
}

// run calls the kernel for elements of so many bytes.
func (a *packedPanel) run(size int) {
	arg := (*byte)(unsafe.Pointer(a))
	switch {
	case path == avx512 && size == 4:
		packedZ32(arg)
	case path == avx512:
		packedZ64(arg)
	case size == 4:
		packedY32(arg)
	default:
		packedY64(arg)
	}
}
