// The matrix product for one to four columns, on AVX-512 in float32. A panel would leave most of
// its vector idle there, so rows take the lanes instead: sixteen of them, with one accumulator for
// each column. Where A is stored by rows, blocks of it are transposed in registers on the way.

package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	thinRows    = 16
	thinColumns = 4
)

type thin struct {
	machine
	transposed bool // A is stored by columns: its rows are contiguous
	indirect   bool

	args, a, rsa, rsa3, rsa5, rsa7, csa, b, ldb reg.GPVirtual

	columns reg.OpmaskVirtual              // bit j: there is a column j
	column  [thinColumns]reg.OpmaskVirtual // all lanes if there is a column j, none otherwise
}

// thinProducts writes the kernels of the thin product.
func thinProducts(set isa) {
	for _, indirect := range []bool{false, true} {
		for _, transposed := range []bool{false, true} {
			t := &thin{machine: machine{set, 4}, transposed: transposed, indirect: indirect}
			t.write()
		}
	}
}

func (t *thin) write() {
	name := "thin" + t.suffix()
	if t.transposed {
		name += "Transposed"
	}
	if t.indirect {
		name += "Indirect"
	}
	TEXT(name, NOSPLIT, "func(p *byte)")
	Pragma("noescape")
	Doc(name + " computes up to four columns of C for a multiple of sixteen rows.")
	t.args, t.a, t.rsa = GP64(), GP64(), GP64()
	Load(Param("p"), t.args)
	MOVQ(at(t.args, fieldA), t.a)
	MOVQ(at(t.args, fieldRSA), t.rsa)
	if t.transposed {
		t.csa = GP64()
		MOVQ(at(t.args, fieldCSA), t.csa)
	} else {
		t.rsa3, t.rsa5, t.rsa7 = GP64(), GP64(), GP64()
		LEAQ(indexed(t.rsa, t.rsa, 2, 0), t.rsa3)
		LEAQ(indexed(t.rsa, t.rsa, 4, 0), t.rsa5)
		LEAQ(indexed(t.rsa3, t.rsa, 4, 0), t.rsa7)
	}
	t.ldb = GP64()
	if !t.indirect {
		MOVQ(at(t.args, fieldLDB), t.ldb)
	}
	keep(t.args, fieldBias, nowBias)
	keep(t.args, fieldC, nowC)
	keep(t.args, fieldAux, nowAux)
	t.columns = K()
	KMOVW(at(t.args, fieldMask), t.columns)
	for j := range t.column {
		lanes := GP64()
		MOVQ(at(t.args, fieldMask), lanes)
		SHLQ(operand.U8(63-j), lanes)
		SARQ(operand.U8(63), lanes)
		t.column[j] = K()
		KMOVW(lanes.As32(), t.column[j])
	}

	Label("tile")
	var acc [thinColumns]reg.VecVirtual
	for j := range acc {
		acc[j] = t.vec()
	}
	t.start(acc)
	if t.transposed {
		t.innerTransposed(acc)
	} else {
		t.inner(acc)
	}
	t.finish(acc)
	step := GP64()
	MOVQ(t.rsa, step)
	SHLQ(operand.U8(4), step)
	ADDQ(step, t.a)
	SUBQ(imm(thinRows), at(t.args, fieldM))
	goTo(JNE, "tile")
	VZEROUPPER()
	RET()
}

// element is the address of B(l, j) for the row that b (or offset) points to.
func (t *thin) element(offset reg.GPVirtual, j int) operand.Mem {
	if t.indirect {
		return indexed(t.b, offset, t.size, j*t.size)
	}
	return at(t.b, j*t.size)
}

// row adds a vector of sixteen elements A(i, l) times row l of B, and goes to the next row. table
// points to the offsets of B's rows if they are indirect.
func (t *thin) row(acc [thinColumns]reg.VecVirtual, x reg.VecVirtual, table reg.GPVirtual) {
	offset := GP64()
	if t.indirect {
		MOVQ(at(table, 0), offset)
	}
	for j := range acc {
		VFMADD231PS_BCST(t.element(offset, j), x, t.column[j], acc[j])
	}
	if t.indirect {
		ADDQ(imm(8), table)
	} else {
		ADDQ(t.ldb, t.b)
	}
}

func (t *thin) begin() (k, table reg.GPVirtual) {
	k, table, t.b = GP64(), GP64(), GP64()
	MOVQ(at(t.args, fieldK), k)
	MOVQ(at(t.args, fieldB), t.b)
	if t.indirect {
		MOVQ(at(t.args, fieldRows), table)
	}
	return k, table
}

func (t *thin) innerTransposed(acc [thinColumns]reg.VecVirtual) {
	k, table := t.begin()
	a := GP64()
	MOVQ(t.a, a)
	Label("inner")
	x := t.vec()
	VMOVUPS(at(a, 0), x)
	t.row(acc, x, table)
	ADDQ(t.csa, a)
	DECQ(k)
	goTo(JNE, "inner")
}

func (t *thin) inner(acc [thinColumns]reg.VecVirtual) {
	k, table := t.begin()
	a, a8 := GP64(), GP64() // rows 0 to 7 and 8 to 15
	MOVQ(t.a, a)
	LEAQ(indexed(t.a, t.rsa, 8, 0), a8)
	line := func(i int) operand.Mem {
		base := a
		if i >= 8 {
			base = a8
		}
		switch i % 8 {
		case 0:
			return at(base, 0)
		case 1, 2, 4:
			return indexed(base, t.rsa, i%8, 0)
		case 3:
			return indexed(base, t.rsa3, 1, 0)
		case 5:
			return indexed(base, t.rsa5, 1, 0)
		case 6:
			return indexed(base, t.rsa3, 2, 0)
		}
		return indexed(base, t.rsa7, 1, 0)
	}
	SUBQ(imm(4), k)
	goTo(JLT, "rest")
	Label("four")
	var x [4]reg.VecVirtual
	for r := range x { // lane q of x[r] is A(4q+r, l..l+3)
		x[r] = t.vec()
		VMOVUPS(line(r), x[r].AsX())
		for q := 1; q < 4; q++ {
			VINSERTF32X4(operand.U8(q), line(4*q+r), x[r], x[r])
		}
	}
	for _, v := range t.turn(x) {
		t.row(acc, v, table)
	}
	ADDQ(imm(16), a)
	ADDQ(imm(16), a8)
	SUBQ(imm(4), k)
	goTo(JGE, "four")

	Label("rest")
	ADDQ(imm(4), k)
	goTo(JEQ, "summed")
	bits, left := GP64(), K()
	MOVQ(operand.U64(0xffffffffffffffff), bits)
	BZHIQ(k, bits, bits)
	KMOVW(bits.As32(), left)
	x = [4]reg.VecVirtual{}
	for r := range x {
		x[r] = t.vec()
		VMOVUPS_Z(line(r), left, x[r].AsX())
		for q := 1; q < 4; q++ {
			y := XMM()
			VMOVUPS_Z(line(4*q+r), left, y)
			VINSERTF32X4(operand.U8(q), y, x[r], x[r])
		}
	}
	for i, v := range t.turn(x) {
		if i == 3 {
			break
		}
		t.row(acc, v, table)
		DECQ(k)
		goTo(JEQ, "summed")
	}
	Label("summed")
}

// turn transposes 4x4 elements in each of the four lanes.
func (t *thin) turn(x [4]reg.VecVirtual) [4]reg.VecVirtual {
	pair := func(f func(...operand.Op), a, b reg.VecVirtual) reg.VecVirtual {
		dst := t.vec()
		f(b, a, dst)
		return dst
	}
	a, b := pair(VUNPCKLPS, x[0], x[1]), pair(VUNPCKHPS, x[0], x[1])
	c, d := pair(VUNPCKLPS, x[2], x[3]), pair(VUNPCKHPS, x[2], x[3])
	return [4]reg.VecVirtual{pair(VUNPCKLPD, a, c), pair(VUNPCKHPD, a, c), pair(VUNPCKLPD, b, d), pair(VUNPCKHPD, b, d)}
}

// start sets the accumulators to zero, to the rows' biases or to C.
func (t *thin) start(acc [thinColumns]reg.VecVirtual) {
	CMPQ(at(t.args, fieldStart), imm(startBias))
	goTo(JEQ, "bias")
	goTo(JGT, "fromC")
	for _, r := range acc {
		t.clear(r)
	}
	goTo(JMP, "begin")

	Label("bias")
	bias := GP64()
	MOVQ(at(t.args, nowBias), bias)
	for _, r := range acc {
		VMOVUPS(at(bias, 0), r)
	}
	ADDQ(imm(thinRows*t.size), at(t.args, nowBias))
	goTo(JMP, "begin")

	Label("fromC")
	c, ldc := GP64(), GP64()
	MOVQ(at(t.args, nowC), c)
	MOVQ(at(t.args, fieldLDC), ldc)
	var x [4]reg.VecVirtual
	for i := 0; i < thinRows; i++ {
		r, q := i%4, i/4
		if q == 0 {
			x[r] = t.vec()
			VMOVUPS_Z(at(c, 0), t.columns, x[r].AsX())
		} else {
			y := XMM()
			VMOVUPS_Z(at(c, 0), t.columns, y)
			VINSERTF32X4(operand.U8(q), y, x[r], x[r])
		}
		ADDQ(ldc, c)
	}
	for j, v := range t.turn(x) {
		VMOVUPS(v, acc[j])
	}
	Label("begin")
}

// finish stores the tile row by row and moves C and Aux to the next.
func (t *thin) finish(acc [thinColumns]reg.VecVirtual) {
	c, ldc := GP64(), GP64()
	MOVQ(at(t.args, nowC), c)
	MOVQ(at(t.args, fieldLDC), ldc)
	CMPQ(at(t.args, fieldFinish), imm(finishReLU))
	goTo(JNE, "linear")
	for _, r := range acc {
		VMAXPS(r, t.zero(), r)
	}
	Label("linear")
	x := t.turn(acc)
	rows := func(f func(y reg.VecVirtual)) {
		for i := 0; i < thinRows; i++ {
			y := XMM()
			VEXTRACTF32X4(operand.U8(i/4), x[i%4], y)
			f(y)
			ADDQ(ldc, c)
		}
	}
	CMPQ(at(t.args, fieldFinish), imm(finishGate))
	goTo(JEQ, "gate")
	rows(func(y reg.VecVirtual) { VMOVUPS(y, t.columns, at(c, 0)) })
	goTo(JMP, "stored")

	Label("gate")
	aux, zero := GP64(), t.zero()
	MOVQ(at(t.args, nowAux), aux)
	rows(func(y reg.VecVirtual) {
		gate, open := XMM(), K()
		VMOVUPS_Z(at(aux, 0), t.columns, gate)
		VCMPPS(operand.U8(lessThan), gate, zero.AsX(), open)
		VMOVAPS_Z(y, open, y)
		VMOVUPS(y, t.columns, at(c, 0))
		ADDQ(ldc, aux)
	})
	MOVQ(aux, at(t.args, nowAux))
	Label("stored")
	MOVQ(c, at(t.args, nowC))
}
