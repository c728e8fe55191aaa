// Sums of many short rows: a bias's gradient is the sum of a row of samples, and a layer has a hundred
// of them. Each is summed in eight lanes of float64, like a row by itself, four rows side by side.

package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type rowSums struct {
	machine             // computes in float64
	stored              int
	n, rows, stride     reg.GPVirtual
	x, dst, index, left reg.GPVirtual
	lanes8              reg.OpmaskVirtual    // AVX-512: those of a partial step
	window              [2]reg.GPVirtual     // AVX2: the addresses of their masks
	acc                 [4][2]reg.VecVirtual // by row and part of a step
}

func addRowSums(set isa, size int) {
	v := &rowSums{machine: machine{set, 8}, stored: size}
	narrowType := machine{set, size}
	TEXT("addRowSums"+narrowType.suffix(), NOSPLIT, "func(rows, n int, dst, x *"+narrowType.goType()+", stride int)")
	Pragma("noescape")
	Doc("addRowSums" + narrowType.suffix() + " adds to dst the sums of rows; the stride is in bytes.")
	for _, f := range []struct {
		name string
		dst  *reg.GPVirtual
	}{{"rows", &v.rows}, {"n", &v.n}, {"dst", &v.dst}, {"x", &v.x}, {"stride", &v.stride}} {
		*f.dst = GP64()
		Load(Param(f.name), *f.dst)
	}
	v.tailMask()
	SUBQ(imm(4), v.rows)
	goTo(JLT, "few")
	Label("four")
	v.block(4)
	SUBQ(imm(4), v.rows)
	goTo(JGE, "four")
	Label("few")
	ADDQ(imm(4), v.rows)
	goTo(JEQ, "done")
	Label("one")
	v.block(1)
	DECQ(v.rows)
	goTo(JNE, "one")
	Label("done")
	VZEROUPPER()
	RET()
}

// tailMask selects the elements of the step of eight that n does not fill.
func (v *rowSums) tailMask() {
	left := GP64()
	MOVQ(v.n, left)
	ANDQ(imm(7), left)
	if v.masks {
		v.lanes8 = (&gemv{machine: v.machine}).bits(left)
		return
	}
	for part := range v.window { // of eight lanes in two parts, the first has up to four
		p, back, most := GP64(), GP64(), GP64()
		MOVQ(left, back)
		if part == 1 {
			SUBQ(imm(4), back)
			zero := GP64()
			XORQ(zero, zero)
			CMPQ(back, imm(0))
			CMOVQLT(zero, back)
		} else {
			MOVQ(imm(4), most)
			CMPQ(back, imm(4))
			CMOVQGT(most, back)
		}
		LEAQ(windowTable(v.stored), p)
		NEGQ(back)
		LEAQ(indexed(p, back, v.stored, 8*v.stored), p)
		v.window[part] = p
	}
}

// parts is how many vectors eight lanes are.
func (v *rowSums) parts() int { return 64 / v.bytes }

// block adds the sums of so many rows, and goes on to the next.
func (v *rowSums) block(rows int) {
	name := func(s string) string { return label(s, rows) }
	row := []reg.GPVirtual{v.x}
	for len(row) < rows {
		r := GP64()
		LEAQ(indexed(row[len(row)-1], v.stride, 1, 0), r)
		row = append(row, r)
	}
	for i := range rows {
		for p := range v.parts() {
			v.acc[i][p] = v.zero()
		}
	}
	v.index, v.left = GP64(), GP64()
	XORQ(v.index, v.index)
	MOVQ(v.n, v.left)
	step := func(tail bool) {
		for i := range rows {
			for p := range v.parts() {
				at := indexed(row[i], v.index, v.stored, p*v.lanes()*v.stored)
				VADDPD(v.load(at, p, tail), v.acc[i][p], v.acc[i][p])
			}
		}
	}
	SUBQ(imm(8), v.left)
	goTo(JLT, name("partial"))
	Label(name("whole"))
	step(false)
	ADDQ(imm(8), v.index)
	SUBQ(imm(8), v.left)
	goTo(JGE, name("whole"))
	Label(name("partial"))
	ADDQ(imm(8), v.left)
	goTo(JEQ, name("total"))
	step(true)
	Label(name("total"))
	for i := range rows {
		v.total(v.acc[i], at(v.dst, i*v.stored))
	}
	LEAQ(indexed(row[rows-1], v.stride, 1, 0), v.x)
	ADDQ(imm(rows*v.stored), v.dst)
}

// load reads a part of a step, widened.
func (v *rowSums) load(m operand.Mem, part int, tail bool) reg.VecVirtual {
	x := v.vec()
	switch {
	case v.stored == 4 && !tail:
		VCVTPS2PD(m, x)
	case v.stored == 4 && v.masks:
		VCVTPS2PD_Z(m, v.lanes8, x)
	case v.stored == 4:
		window, single := XMM(), XMM()
		VMOVUPS(at(v.window[part], 0), window)
		VMASKMOVPS(m, window, single)
		VCVTPS2PD(single, x)
	case !tail:
		VMOVUPD(m, x)
	case v.masks:
		VMOVUPD_Z(m, v.lanes8, x)
	default:
		window := YMM()
		VMOVUPD(at(v.window[part], 0), window)
		VMASKMOVPD(m, window, x)
	}
	return x
}

// total adds the lanes up, as lanes.total does, and the sum to what m holds.
func (v *rowSums) total(acc [2]reg.VecVirtual, m operand.Mem) {
	y, high := YMM(), YMM()
	if v.masks {
		VEXTRACTF64X4(operand.U8(1), acc[0], high)
		VADDPD(high, acc[0].AsY(), y)
	} else {
		VADDPD(acc[1], acc[0], y)
	}
	upper := XMM()
	VEXTRACTF128(operand.U8(1), y, upper)
	VADDPD(upper, y.AsX(), upper)
	sum := XMM()
	VUNPCKHPD(upper, upper, sum)
	VADDSD(sum, upper, sum)
	if v.stored == 8 {
		VADDSD(m, sum, sum)
		VMOVSD(sum, m)
		return
	}
	VCVTSD2SS(sum, sum, sum)
	VADDSS(m, sum, sum)
	VMOVSS(sum, m)
}
