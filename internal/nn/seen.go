// Masked layers: products without most of what is masked.

package nn

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// span is a part of a masked layer that a product takes at once: rows up to end
// with how many inputs they see at most, or inputs up to end with the first row
// that sees one of them.
type span struct{ end, at int }

// spanSize is how many rows or inputs are in a span: some of a kernel's tiles, and few
// enough that what is multiplied in vain, half a span a row, does not weigh.
const spanSize = 32

// mask tells the layer that row i sees its first seen[i] inputs alone; the weights of
// the others are 0, and products leave most of them out. Sums keep their order, so
// that results keep their bits.
func (l *Linear[T]) mask(seen []int) {
	l.rows, l.columns = nil, nil
	work := 0
	for lo := 0; lo < l.Out; lo += spanSize {
		s := span{end: min(lo+spanSize, l.Out), at: min(1, l.In)}
		for _, v := range seen[lo:s.end] {
			s.at = max(s.at, v)
		}
		l.rows = append(l.rows, s)
		work += (s.end - lo) * s.at
	}
	if work > l.Out*l.In*9/10 { // calls cost more than they spare
		l.rows = nil
		return
	}
	first := 0
	for lo := 0; lo < l.In; lo += spanSize {
		for first < l.Out && seen[first] <= lo {
			first++
		}
		l.columns = append(l.columns, span{min(lo+spanSize, l.In), first})
	}
}

// forwardRows sets rows at to end of y to those of W x + b, or of its positive part,
// or adds those of W x, by the mode. Of x the first so many inputs are read; the rows
// see no others.
func (l *Linear[T]) forwardRows(y, x bijector.Mat[T], at, end, inputs int, mode kernel.Mode) {
	l.eachSpan(at, end, func(lo, hi, seen int) {
		e := kernel.Epilogue[T]{Mode: mode}
		if mode != kernel.Add {
			e.Bias = l.B[lo:hi]
		}
		kernel.Gemm(hi-lo, y.N, min(seen, inputs), l.W[lo*l.In:], l.In, 1, x.Data, x.Stride, y.Data[lo*y.Stride:], y.Stride, e)
	})
}

// eachSpan calls f for the parts of rows lo to hi, with how many inputs they see.
func (l *Linear[T]) eachSpan(lo, hi int, f func(lo, hi, seen int)) {
	if l.rows == nil {
		f(lo, hi, l.In)
		return
	}
	for i := lo / spanSize; lo < hi; i++ {
		next := min(l.rows[i].end, hi)
		f(lo, next, l.rows[i].at)
		lo = next
	}
}

// backwardColumns sets dx = W' dy, with an epilogue.
func (l *Linear[T]) backwardColumns(dx, dy bijector.Mat[T], e kernel.Epilogue[T]) {
	if l.columns == nil {
		kernel.Gemm(l.In, dx.N, l.Out, l.W, 1, l.In, dy.Data, dy.Stride, dx.Data, dx.Stride, e)
		return
	}
	aux := e.Aux
	for lo, i := 0, 0; lo < l.In; i++ {
		s := l.columns[i]
		if aux != nil {
			e.Aux = aux[lo*dx.Stride:]
		}
		w, d := l.W, dy.Data
		if s.at < l.Out {
			w, d = w[s.at*l.In+lo:], d[s.at*dy.Stride:]
		}
		kernel.Gemm(s.end-lo, dx.N, l.Out-s.at, w, 1, l.In, d, dy.Stride, dx.Data[lo*dx.Stride:], dx.Stride, e)
		lo = s.end
	}
}

// accumulateRows adds rows lo to hi of dy x' to dw, or stores them there.
func (l *Linear[T]) accumulateRows(dw []T, dy bijector.Mat[T], xt []T, ldx, lo, hi int, mode kernel.Mode) {
	l.eachSpan(lo, hi, func(lo, hi, seen int) {
		kernel.Gemm(hi-lo, seen, dy.N, dy.Data[lo*dy.Stride:], dy.Stride, 1, xt, ldx, dw[lo*l.In:], l.In, kernel.Epilogue[T]{Mode: mode})
	})
}

// work is how many multiply-adds of a sample the rows before so many are.
func (l *Linear[T]) work(rows int) int {
	if l.rows == nil {
		return rows * l.In
	}
	sum, lo := 0, 0
	for _, s := range l.rows {
		sum += (min(s.end, rows) - lo) * s.at
		if lo = s.end; lo >= rows {
			break
		}
	}
	return sum
}

// rowAt is the first row whose multiply-adds begin at the given one or behind it.
func (l *Linear[T]) rowAt(work int) int {
	if work <= 0 {
		return 0
	}
	if l.rows == nil {
		return min((work+l.In-1)/l.In, l.Out)
	}
	lo := 0
	for _, s := range l.rows {
		all := (s.end - lo) * s.at
		if work <= all {
			return lo + (work+s.at-1)/s.at
		}
		work, lo = work-all, s.end
	}
	return l.Out
}
