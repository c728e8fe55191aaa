//go:build !purego

// Matrix products on amd64: panels of columns, each a call of assembly.

package kernel

import "unsafe"

// panel is what the assembly is given; asm/gemm.go lists the same fields in the same order.
type panel struct {
	m, k     int
	a        unsafe.Pointer
	rsa, csa int // bytes
	step     int // bytes from a tile to the next
	b        unsafe.Pointer
	ldb      int // bytes
	rows     unsafe.Pointer
	c        unsafe.Pointer
	ldc      int // bytes
	start    int // how the accumulators start
	finish   int // how they are stored
	bias     unsafe.Pointer
	aux      unsafe.Pointer
	mask     uintptr
}

const (
	startZero = iota
	startBias
	startC
)

const (
	finishStore = iota
	finishReLU
	finishGate
)

// Blocks of a product. The inner dimension is split so that a panel of B stays close to the
// processor, which changes no bits: a later block takes up the accumulators where the earlier left
// them, in C. The rows are split so that a call of assembly, which nothing can interrupt, stays short.
const (
	blockK     = 384
	blockCalls = 2 << 20 // multiply-adds in a call: some 20 to 60 microseconds
)

// gemmVector is gemmPortable by assembly; it reports whether it ran.
func gemmVector[T Float](m, n, k int, a []T, rsa, csa int, b []T, ldb int, rows []int, c []T, ldc int, e Epilogue[T]) bool {
	if path == portable || k == 0 {
		return false
	}
	var zero T
	size := int(unsafe.Sizeof(zero))
	g := product{
		size: size, lanes: 64 / size, ldc: ldc,
		a: unsafe.Pointer(unsafe.SliceData(a)), rsa: rsa, csa: csa,
		b: unsafe.Pointer(unsafe.SliceData(b)), ldb: ldb, indirect: rows != nil,
		c: unsafe.Pointer(unsafe.SliceData(c)), mode: e.Mode,
	}
	if path == avx2 {
		g.lanes /= 2
	}
	if g.indirect {
		g.rows = unsafe.Pointer(unsafe.SliceData(rows))
	}
	switch e.Mode {
	case Store, ReLU:
		g.bias = unsafe.Pointer(unsafe.SliceData(e.Bias))
	case Gate:
		g.aux = unsafe.Pointer(unsafe.SliceData(e.Aux))
	}
	g.blocks(m, n, k)
	return true
}

// product is a product without its element type. Strides are in elements.
type product struct {
	size, lanes int // bytes of an element, elements of a vector
	a           unsafe.Pointer
	rsa, csa    int
	b           unsafe.Pointer
	ldb         int
	rows        unsafe.Pointer
	indirect    bool
	c           unsafe.Pointer
	ldc         int
	mode        Mode
	bias, aux   unsafe.Pointer
}

// blocks splits the inner dimension and the rows.
func (g *product) blocks(m, n, k int) {
	kb := k
	if k > blockK+blockK/2 {
		count := (k + blockK - 1) / blockK
		kb = (k + count - 1) / count
	}
	mb := m
	if limit := blockCalls / (3 * g.lanes * kb) &^ 7; m > limit {
		mb = max(limit, 8)
	}
	for k0 := 0; k0 < k; k0 += kb {
		for i := 0; i < m; i += mb {
			g.panels(i, min(mb, m-i), n, k0, min(kb, k-k0), k0+kb >= k)
		}
	}
}

// panels runs over the columns of rows i to i+m, for inner indices k0 to k0+kc.
func (g *product) panels(i, m, n, k0, kc int, last bool) {
	p := panel{
		m: m, k: kc,
		a:   unsafe.Add(g.a, (i*g.rsa+k0*g.csa)*g.size),
		rsa: g.rsa * g.size, csa: g.csa * g.size,
		ldb: g.ldb * g.size, ldc: g.ldc * g.size,
	}
	switch {
	case k0 > 0 || g.mode == Add:
		p.start = startC
	case g.bias != nil:
		p.start = startBias
	}
	if last {
		switch g.mode {
		case ReLU:
			p.finish = finishReLU
		case Gate:
			p.finish = finishGate
		}
	}
	for j := 0; j < n; {
		vectors := (n - j + g.lanes - 1) / g.lanes
		if vectors > 3 {
			vectors = 3
			if n-j > 3*g.lanes && n-j <= 4*g.lanes {
				vectors = 2
			}
		}
		w := min(vectors*g.lanes, n-j)
		// Every pointer is to an element: nothing is formed past the end of a slice.
		if g.indirect {
			p.b = unsafe.Add(g.b, j*g.size)
			p.rows = unsafe.Add(g.rows, k0*8)
		} else {
			p.b = unsafe.Add(g.b, (k0*g.ldb+j)*g.size)
		}
		p.c = unsafe.Add(g.c, (i*g.ldc+j)*g.size)
		if g.bias != nil {
			p.bias = unsafe.Add(g.bias, i*g.size)
		}
		if g.aux != nil {
			p.aux = unsafe.Add(g.aux, (i*g.ldc+j)*g.size)
		}
		p.run(g, vectors, w)
		j += w
	}
}

// run computes a panel of w columns in the given number of vectors.
func (p *panel) run(g *product, vectors, w int) {
	arg := (*byte)(unsafe.Pointer(p))
	kind := vectors - 1
	if g.indirect {
		kind += 3
	}
	if g.size == 8 {
		kind += 6
	}
	partial := w - (vectors-1)*g.lanes // lanes of the last vector
	if path == avx512 {
		p.step = 8 * p.rsa
		p.mask = 1<<partial - 1
		runZ(kind, arg)
		return
	}
	p.step = [...]int{8, 6, 4}[vectors-1] * p.rsa
	if partial < g.lanes {
		kind += 12
		p.mask = uintptr(unsafe.Pointer(&laneMasks[(g.lanes-partial)*g.size/4]))
	}
	runY(kind, arg)
}

// laneMasks holds a window of ones followed by zeros: 32 bytes from 4*(8-n) on select the first n
// lanes of a vector of float32.
var laneMasks = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}
