// The product of a matrix and a vector where the matrix stays the same for many vectors: it is laid
// out anew, once, so that outputs take the lanes. Nothing is then summed across lanes, and all of
// it is read in one go, from one end to the other.

package kernel

import "unsafe"

// Packed is an affine map y = W·x + b laid out for single vectors: a copy as large as W and b, whose
// rows of outputs are rounded up. It does not follow W. Any number of goroutines may use it at once.
// The zero value has neither inputs nor outputs.
//
// Panels of up to seven lines of cache follow one another. A panel is its bias and, for each input,
// a row of weights. Outputs that fill half of the last line at most have rows of their own, of 16 or
// 32 bytes, behind the others: most of a single sample's time is reading weights.
type Packed[T Float] struct {
	out, in int
	finite  bool // the weights are
	panels  []panelOf[T]
}

// panelOf is a Packed's part for some of the outputs.
type panelOf[T Float] struct {
	at, n  int // outputs
	lines  int // whole lines of cache in a row
	stride int // elements in a row of the rest; 0: none
	bias   []T // padded to the lines and half a line of rest
	rows   []T // in rows of whole lines
	rest   []T // in rows of the stride
	call   packedPanel
}

// packedPanel is what the assembly is given of a panel; asm/single.go lists the same fields in the
// same order.
type packedPanel struct {
	rows   unsafe.Pointer
	rest   unsafe.Pointer
	stride int // bytes
	bias   unsafe.Pointer
	mask   uintptr
	kind   int
}

const (
	lineBytes  = 64
	panelLines = 7
)

// Pack lays out W of out rows and in columns, row i starting at w[i*ldw], and the bias, which may
// be nil for zeros.
func Pack[T Float](out, in int, w []T, ldw int, bias []T) Packed[T] {
	if out < 0 || in < 0 || ldw < in {
		panic("kernel: Pack with a negative size or overlapping rows")
	}
	if out > 0 && in > 0 && (out-1)*ldw+in > len(w) {
		panic("kernel: Pack with W too short")
	}
	if bias != nil && len(bias) < out {
		panic("kernel: Pack with a bias shorter than W")
	}
	p := Packed[T]{out: out, in: in, finite: true}
	line := lineBytes / elementSize[T]()
	quarter := line / 4
	units := (out + line - 1) / line
	rest := out % line
	if rest > line/2 {
		rest = 0 // a whole line, padded
	}
	count := (units + panelLines - 1) / panelLines
	size := 0
	for i := range count {
		first, end := i*units/count, (i+1)*units/count
		q := panelOf[T]{at: first * line, n: min(end*line, out) - first*line, lines: end - first}
		if i == count-1 && rest > 0 {
			q.lines--
			q.stride = (rest + quarter - 1) / quarter * quarter
		}
		p.panels = append(p.panels, q)
		b, r, s := q.sizes(in, line)
		size += b + r + s
	}
	all := Make[T](size)
	for i := range p.panels {
		q := &p.panels[i]
		b, r, s := q.sizes(in, line)
		q.bias, q.rows, q.rest, all = all[:b], all[b:][:r], all[b+r:][:s], all[b+r+s:]
		if bias != nil {
			copy(q.bias, bias[q.at:][:q.n])
		}
		width := q.lines * line
		whole := min(width, q.n)
		if in > 0 && whole > 0 {
			Transpose(whole, in, w[q.at*ldw:], ldw, q.rows, width)
		}
		if in > 0 && q.stride > 0 {
			Transpose(q.n-whole, in, w[(q.at+whole)*ldw:], ldw, q.rest, q.stride)
		}
		q.prepare()
		p.finite = p.finite && Finite(q.rows) && Finite(q.rest)
	}
	return p
}

// sizes are how many elements bias, rows and rest have, each in whole lines. The rest is read half a
// line at a time, beyond its last row.
func (q *panelOf[T]) sizes(in, line int) (bias, rows, rest int) {
	bias, rows = q.lines*line, in*q.lines*line
	if q.stride > 0 {
		bias += line
		rest = (in*q.stride + 2*line - 1) / line * line
	}
	return bias, rows, rest
}

// Apply sets y = W·x + b, or with relu its positive part, where NaN stays NaN:
//
//	for i := range y {
//		y[i] = b[i]
//		for l := range x {
//			y[i] += w[i*ldw+l] * x[l]
//		}
//		if relu && y[i] < 0 {
//			y[i] = 0
//		}
//	}
//
// y and x do not overlap. On a vector path inputs may be summed in up to four interleaved parts; how
// depends on the sizes alone. With AVX-512 inputs of 0 are left out, and the rows of their weights
// not read: that changes no result but the sign of a zero.
func (p *Packed[T]) Apply(y, x []T, relu bool) {
	if len(y) != p.out || len(x) != p.in {
		panic("kernel: a packed matrix with a vector of another size")
	}
	if !p.applyVector(y, x, relu) {
		for i := range p.panels {
			p.panels[i].apply(y[p.panels[i].at:], x, relu)
		}
	}
}

// apply computes a panel in portable Go.
func (q *panelOf[T]) apply(y, x []T, relu bool) {
	y = y[:q.n]
	copy(y, q.bias)
	width := q.lines * (lineBytes / elementSize[T]())
	whole := min(width, q.n)
	accumulate(y[:whole], x, q.rows, width)
	accumulate(y[whole:], x, q.rest, q.stride)
	if relu {
		for i, v := range y {
			if v < 0 {
				y[i] = 0
			}
		}
	}
}

// accumulate adds x[l] times row l to y, four rows at once but in their order. The conversions forbid
// the fusing of multiply and add, as in tile.
func accumulate[T Float](y, x, rows []T, stride int) {
	if len(y) == 0 {
		return
	}
	for ; len(x) >= 4; x = x[4:] {
		x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
		r0, r1, r2, r3 := rows[:len(y)], rows[stride:][:len(y)], rows[2*stride:][:len(y)], rows[3*stride:][:len(y)]
		for j, s := range y {
			s += T(x0 * r0[j])
			s += T(x1 * r1[j])
			s += T(x2 * r2[j])
			s += T(x3 * r3[j])
			y[j] = s
		}
		rows = rows[4*stride:]
	}
	for l, v := range x {
		r := rows[l*stride:][:len(y)]
		for j := range y {
			y[j] += T(v * r[j])
		}
	}
}
