//go:build !purego

// Matrix products on amd64: panels of columns, each a call of assembly.

package kernel

import "unsafe"

// panel is what the assembly is given; asm/gemm.go lists the same fields in the same order.
type panel struct {
	m, k     int
	a        unsafe.Pointer
	rsa, csa int // bytes
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
	_        [3]uintptr // the assembly's own: where it has got to
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

// gemmVector is gemmPortable by assembly; it reports whether it ran.
func gemmVector[T Float](m, n, k int, a []T, rsa, csa int, b []T, ldb int, rows []int, c []T, ldc int, e Epilogue[T]) bool {
	if path == portable || k == 0 {
		return false
	}
	var zero T
	size := int(unsafe.Sizeof(zero))
	flat := n == 1 && csa == 1 && (ldb == 1 || k == 1) && (ldc == 1 || m == 1) && rows == nil
	if flat && k <= vectorInner && m*k <= vectorWork {
		// The common case of a single sample, without what larger products need.
		p := panel{
			m: m, k: k, rsa: rsa * size,
			a: unsafe.Pointer(unsafe.SliceData(a)), b: unsafe.Pointer(unsafe.SliceData(b)), c: unsafe.Pointer(unsafe.SliceData(c)),
		}
		switch e.Mode {
		case Add:
			p.start = startC
		case Gate:
			p.aux, p.finish = unsafe.Pointer(unsafe.SliceData(e.Aux)), finishGate
		default:
			if e.Bias != nil {
				p.start, p.bias = startBias, unsafe.Pointer(unsafe.SliceData(e.Bias))
			}
			if e.Mode == ReLU {
				p.finish = finishReLU
			}
		}
		p.vector(size)
		return true
	}
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
	if flat {
		g.vector(m, k)
	} else {
		g.blocks(m, n, k)
	}
	return true
}

// Inner indices and multiply-adds in a call of assembly for n == 1.
const vectorInner, vectorWork = 1 << 16, 1 << 18

// vector is the product for n == 1.
func (g *product) vector(m, k int) {
	rows := max(vectorWork/min(k, vectorInner)&^3, 4)
	for k0 := 0; k0 < k; k0 += vectorInner {
		p := panel{k: min(vectorInner, k-k0), rsa: g.rsa * g.size}
		p.setMode(g, k0, k0+vectorInner >= k)
		for i := 0; i < m; i += rows {
			p = g.place(p, i, min(rows, m-i), 0, k0)
			p.vector(g.size)
		}
	}
}

// vector runs the matrix-vector kernel for elements of so many bytes.
func (p *panel) vector(size int) {
	arg := (*byte)(unsafe.Pointer(p))
	switch {
	case path == avx512 && size == 4:
		gemvZ32(arg)
	case path == avx512:
		gemvZ64(arg)
	case size == 4:
		gemvY32(arg)
	default:
		gemvY64(arg)
	}
}

// product is a product without its element type. Strides are in elements. Blocks of A and B may
// have been copied elsewhere: then a and b point to the elements A(ai, al) and B(bl, bj).
type product struct {
	size, lanes int // bytes of an element, elements of a vector
	a           unsafe.Pointer
	rsa, csa    int
	ai, al      int
	b           unsafe.Pointer
	ldb         int
	bl, bj      int
	rows        unsafe.Pointer
	indirect    bool
	c           unsafe.Pointer
	ldc         int
	mode        Mode
	bias, aux   unsafe.Pointer
}

// panels computes rows i to i+m and columns j to j+n over inner indices k0 to k0+kc.
func (g *product) panels(i, m, j, n, k0, kc int, last bool) {
	p := panel{
		k: kc, rsa: g.rsa * g.size, csa: g.csa * g.size,
		ldb: g.ldb * g.size, ldc: g.ldc * g.size,
	}
	p.setMode(g, k0, last)
	thin := g.thin(m, n)
	n += j
	wide := n - thin
	for j < wide {
		vectors := (wide - j + g.lanes - 1) / g.lanes
		if vectors == 4 {
			vectors = 2 // and 2: better than 3 and 1
		}
		vectors = min(vectors, 3)
		w := min(vectors*g.lanes, wide-j)
		p = g.place(p, i, m, j, k0)
		p.run(g, vectors, w)
		j += w
	}
	for ; j < n; j += thinColumns {
		w := min(thinColumns, n-j)
		whole := m / thinRows * thinRows
		p = g.place(p, i, whole, j, k0)
		p.runThin(g, w)
		if whole < m {
			p = g.place(p, i+whole, m-whole, j, k0)
			p.run(g, 1, w)
		}
	}
}

// Where at most eight columns are left over, a kernel that puts rows into lanes does them in less
// than half the time, four at once.
const (
	thinRows    = 16
	thinColumns = 4
)

// thin is the number of columns that go to the thin kernel.
func (g *product) thin(m, n int) int {
	if path != avx512 || g.size != 4 || m < thinRows || g.csa != 1 && g.rsa != 1 {
		return 0
	}
	if left := n % g.lanes; left <= 2*thinColumns {
		return left
	}
	return 0
}

// setMode says how a panel over inner indices from k0 on starts and finishes.
func (p *panel) setMode(g *product, k0 int, last bool) {
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
}

// place returns a panel for rows i to i+m, columns from j on and inner indices from k0 on. Every
// pointer is to an element: nothing is formed past the end of a slice. By value, because what is
// stored through a pointer would escape to the heap.
func (g *product) place(p panel, i, m, j, k0 int) panel {
	p.m = m
	p.a = unsafe.Add(g.a, ((i-g.ai)*g.rsa+(k0-g.al)*g.csa)*g.size)
	if g.indirect {
		p.b = unsafe.Add(g.b, j*g.size)
		p.rows = unsafe.Add(g.rows, k0*8)
	} else {
		p.b = unsafe.Add(g.b, ((k0-g.bl)*g.ldb+j-g.bj)*g.size)
	}
	p.c = unsafe.Add(g.c, (i*g.ldc+j)*g.size)
	if g.bias != nil {
		p.bias = unsafe.Add(g.bias, i*g.size)
	}
	if g.aux != nil {
		p.aux = unsafe.Add(g.aux, (i*g.ldc+j)*g.size)
	}
	return p
}

// runThin computes at most four columns of a multiple of sixteen rows.
func (p *panel) runThin(g *product, w int) {
	arg := (*byte)(unsafe.Pointer(p))
	p.mask = 1<<w - 1
	switch {
	case g.rsa == 1 && g.indirect:
		thinZ32TransposedIndirect(arg)
	case g.rsa == 1:
		thinZ32Transposed(arg)
	case g.indirect:
		thinZ32Indirect(arg)
	default:
		thinZ32(arg)
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
		p.mask = 1<<partial - 1
		runZ(kind, arg)
		return
	}
	if partial < g.lanes {
		kind += 12
		p.mask = uintptr(unsafe.Pointer(&laneMasks[(g.lanes-partial)*g.size/4]))
	}
	runY(kind, arg)
}

// laneMasks holds a window of ones followed by zeros: 32 bytes from 4*(8-n) on select the first n
// lanes of a vector of float32.
var laneMasks = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}
