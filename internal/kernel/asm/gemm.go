// The matrix product: C = A·B for a panel of columns that is a few vectors wide, all its rows in one
// call, tile by tile. A tile's accumulators stay in registers for the whole inner loop, which
// loads each vector of B once and broadcasts each element of A.

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Fields of kernel.panel, in order; each is eight bytes.
const (
	fieldM = 8 * iota
	fieldK
	fieldA
	fieldRSA // bytes from row to row of A
	fieldCSA // bytes from column to column of A
	fieldB
	fieldLDB // bytes from row to row of B
	fieldRows
	fieldC
	fieldLDC // bytes
	fieldStart
	fieldFinish
	fieldBias
	fieldAux
	fieldMask // the lanes of the last vector: bits for AVX-512, address of a vector for AVX2

	// Where the kernel has got to. These are integers to Go: a pointer that has moved past the end of
	// a slice must not be where the garbage collector looks for pointers.
	nowBias
	nowC
	nowAux
)

// How a tile's accumulators start and how they are stored. Zero, the bias and C; plainly, through
// ReLU and through the gate.
const (
	startBias  = 1
	finishReLU = 1
	finishGate = 2
)

type panel struct {
	machine
	height   int  // rows of a full tile
	vectors  int  // width of the panel
	masked   bool // the last vector is partial
	indirect bool // rows of B by a table of offsets
}

// products writes every kernel of the matrix product for one instruction set.
func products(set isa) {
	for _, size := range []int{4, 8} {
		m := machine{isa: set, size: size}
		for _, indirect := range []bool{false, true} {
			for vectors := 1; vectors <= 3; vectors++ {
				if set.masks {
					panel{m, 8, vectors, true, indirect}.write()
					continue
				}
				height := map[int]int{1: 8, 2: 6, 3: 4}[vectors]
				panel{m, height, vectors, false, indirect}.write()
				panel{m, height, vectors, true, indirect}.write()
			}
		}
	}
}

func (p panel) name() string {
	name := "gemm" + p.suffix() + fmt.Sprintf("x%d", p.vectors)
	if p.masked && !p.masks {
		name += "Masked"
	}
	if p.indirect {
		name += "Indirect"
	}
	return name
}

// state is the registers that live across tiles.
type state struct {
	args, a, rsa, rsa3, csa, ldb reg.GPVirtual
	mask                         reg.OpmaskVirtual // AVX-512
}

func (p panel) write() {
	TEXT(p.name(), NOSPLIT, "func(p *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes a panel of %d vectors in tiles of %d rows.", p.name(), p.vectors, p.height))
	s := state{args: GP64(), a: GP64(), rsa: GP64(), rsa3: GP64(), csa: GP64(), ldb: GP64()}
	Load(Param("p"), s.args)
	MOVQ(at(s.args, fieldA), s.a)
	MOVQ(at(s.args, fieldRSA), s.rsa)
	LEAQ(indexed(s.rsa, s.rsa, 2, 0), s.rsa3)
	MOVQ(at(s.args, fieldCSA), s.csa)
	if !p.indirect {
		MOVQ(at(s.args, fieldLDB), s.ldb)
	}
	keep(s.args, fieldBias, nowBias)
	keep(s.args, fieldC, nowC)
	if p.masks {
		s.mask = K()
		KMOVW(at(s.args, fieldMask), s.mask)
	}
	for rows := p.height; rows >= 1; rows = nextHeight(rows) {
		p.tiles(s, rows)
	}
	VZEROUPPER()
	RET()
}

// keep copies a pointer of the arguments to where the kernel may change it.
func keep(args reg.GPVirtual, field, now int) {
	t := GP64()
	MOVQ(at(args, field), t)
	MOVQ(t, at(args, now))
}

// nextHeight is the height of the tiles for the rows that are left by those of a given height.
func nextHeight(rows int) int {
	if rows > 4 && rows < 8 {
		return 4
	}
	return rows / 2
}

// last says whether vector i of the panel is the partial one.
func (p panel) last(i int) bool { return p.masked && i == p.vectors-1 }

// load loads vector i of a row. On AVX2 the mask comes through dst's neighbour scratch, because a
// tile leaves no register to hold it.
func (p panel) load(s state, i int, m operand.Mem, dst, scratch reg.Register) {
	switch {
	case !p.last(i):
		p.move(m, dst)
	case p.masks:
		p.pick(three(VMOVUPS_Z), three(VMOVUPD_Z), m, s.mask, dst)
	default:
		p.loadMask(s, scratch)
		p.pick(three(VMASKMOVPS), three(VMASKMOVPD), m, scratch, dst)
	}
}

func (p panel) store(s state, i int, src reg.Register, m operand.Mem, scratch reg.Register) {
	switch {
	case !p.last(i):
		p.move(src, m)
	case p.masks:
		p.pick(VMOVUPS, VMOVUPD, src, s.mask, m)
	default:
		p.loadMask(s, scratch)
		p.pick(three(VMASKMOVPS), three(VMASKMOVPD), src, scratch, m)
	}
}

func (p panel) loadMask(s state, dst reg.Register) {
	t := GP64()
	MOVQ(at(s.args, fieldMask), t)
	p.move(at(t, 0), dst)
}

// tiles computes tiles of one height for as long as there are rows enough.
func (p panel) tiles(s state, rows int) {
	loop, next := label("rows", rows), label("end", rows)
	Label(loop)
	CMPQ(at(s.args, fieldM), imm(rows))
	goTo(JLT, next)

	acc := make([][]reg.VecVirtual, rows)
	for r := range acc {
		acc[r] = make([]reg.VecVirtual, p.vectors)
		for i := range acc[r] {
			acc[r][i] = p.vec()
		}
	}
	p.start(s, acc, rows)
	p.inner(s, acc, rows)
	p.finish(s, acc, rows)

	t := GP64()
	IMUL3Q(imm(rows), s.rsa, t)
	ADDQ(t, s.a)
	t = GP64()
	IMUL3Q(imm(rows), at(s.args, fieldLDC), t)
	ADDQ(t, at(s.args, nowC))
	SUBQ(imm(rows), at(s.args, fieldM))
	goTo(JMP, loop)
	Label(next)
}

// start sets the accumulators to zero, to the bias of their row or to C.
func (p panel) start(s state, acc [][]reg.VecVirtual, rows int) {
	fromBias, fromC, begin := label("bias", rows), label("fromC", rows), label("begin", rows)
	CMPQ(at(s.args, fieldStart), imm(startBias))
	goTo(JEQ, fromBias)
	goTo(JGT, fromC)
	for r := range acc {
		for i := range acc[r] {
			p.clear(acc[r][i])
		}
	}
	goTo(JMP, begin)

	Label(fromBias)
	bias := GP64()
	MOVQ(at(s.args, nowBias), bias)
	for r := range acc {
		p.broadcast(at(bias, r*p.size), acc[r][0])
		for i := 1; i < p.vectors; i++ {
			p.move(acc[r][0], acc[r][i])
		}
	}
	ADDQ(imm(rows*p.size), at(s.args, nowBias))
	goTo(JMP, begin)

	Label(fromC)
	c, ldc, scratch := GP64(), GP64(), p.vec()
	MOVQ(at(s.args, nowC), c)
	MOVQ(at(s.args, fieldLDC), ldc)
	for r := range acc {
		for i := range acc[r] {
			p.load(s, i, at(c, i*p.bytes), acc[r][i], scratch)
		}
		if r < rows-1 {
			ADDQ(ldc, c)
		}
	}
	Label(begin)
}

// inner runs over the inner dimension.
func (p panel) inner(s state, acc [][]reg.VecVirtual, rows int) {
	loop, done := label("inner", rows), label("done", rows)
	k, b, table := GP64(), GP64(), GP64()
	MOVQ(at(s.args, fieldK), k)
	var a []reg.GPVirtual // rows 0, 4, 8 and 12 of A
	for r := 0; r < rows; r += 4 {
		a = append(a, GP64())
		if r == 0 {
			MOVQ(s.a, a[0])
		} else {
			LEAQ(indexed(a[r/4-1], s.rsa, 4, 0), a[r/4])
		}
	}
	MOVQ(at(s.args, fieldB), b)
	if p.indirect {
		MOVQ(at(s.args, fieldRows), table)
	}
	TESTQ(k, k)
	goTo(JEQ, done)
	Label(loop)
	element := func(r int) operand.Mem { // A(r, l)
		base := a[r/4]
		switch r % 4 {
		case 0:
			return at(base, 0)
		case 1:
			return indexed(base, s.rsa, 1, 0)
		case 2:
			return indexed(base, s.rsa, 2, 0)
		}
		return indexed(base, s.rsa3, 1, 0)
	}
	row := func(i int) operand.Mem { return at(b, i*p.bytes) }
	if p.indirect {
		offset := GP64()
		MOVQ(at(table, 0), offset)
		row = func(i int) operand.Mem { return indexed(b, offset, p.size, i*p.bytes) }
	}
	x := p.vec()
	bv := make([]reg.VecVirtual, p.vectors)
	for i := range bv {
		bv[i] = p.vec()
		p.load(s, i, row(i), bv[i], x)
	}
	for r := range acc {
		if p.masks && p.vectors == 1 {
			p.fmaBroadcast(element(r), bv[0], acc[r][0])
			continue
		}
		x := p.vec()
		p.broadcast(element(r), x)
		for i := range bv {
			p.fma(x, bv[i], acc[r][i])
		}
	}
	for _, g := range a {
		ADDQ(s.csa, g)
	}
	if p.indirect {
		ADDQ(imm(8), table)
	} else {
		ADDQ(s.ldb, b)
	}
	DECQ(k)
	goTo(JNE, loop)
	Label(done)
}

// finish stores the accumulators, through ReLU or the gate.
func (p panel) finish(s state, acc [][]reg.VecVirtual, rows int) {
	relu, gate, end := label("relu", rows), label("gate", rows), label("stored", rows)
	c, ldc := GP64(), GP64()
	MOVQ(at(s.args, nowC), c)
	MOVQ(at(s.args, fieldLDC), ldc)
	CMPQ(at(s.args, fieldFinish), imm(finishReLU))
	goTo(JEQ, relu)
	goTo(JGT, gate)
	each := func(advance []reg.GPVirtual, f func(r, i int, m operand.Mem)) {
		for r := range acc {
			for i := range acc[r] {
				f(r, i, at(c, i*p.bytes))
			}
			if r < rows-1 {
				for _, g := range advance {
					ADDQ(ldc, g)
				}
			}
		}
	}
	scratch := p.vec()
	each([]reg.GPVirtual{c}, func(r, i int, m operand.Mem) { p.store(s, i, acc[r][i], m, scratch) })
	goTo(JMP, end)

	Label(relu)
	zero := p.zero()
	each([]reg.GPVirtual{c}, func(r, i int, m operand.Mem) {
		p.pick(VMAXPS, VMAXPD, acc[r][i], zero, acc[r][i]) // the first operand wins if it is NaN
		scratch := p.vec()
		p.store(s, i, acc[r][i], m, scratch)
	})
	goTo(JMP, end)

	Label(gate)
	aux := GP64() // aux has the geometry of C
	MOVQ(at(s.args, nowC), aux)
	SUBQ(at(s.args, fieldC), aux)
	ADDQ(at(s.args, fieldAux), aux)
	zero = p.zero()
	each([]reg.GPVirtual{c, aux}, func(r, i int, m operand.Mem) {
		x, scratch := p.vec(), p.vec()
		p.load(s, i, at(aux, i*p.bytes), x, scratch)
		if p.masks {
			open := K()
			p.pick(VCMPPS, VCMPPD, operand.U8(lessThan), x, zero, open)
			p.pick(three(VMOVAPS_Z), three(VMOVAPD_Z), acc[r][i], open, acc[r][i])
		} else {
			p.pick(VCMPPS, VCMPPD, operand.U8(lessThan), x, zero, x)
			p.pick(VANDPS, VANDPD, x, acc[r][i], acc[r][i])
		}
		p.store(s, i, acc[r][i], m, scratch)
	})
	Label(end)
}
