// The product of a matrix by a vector: four rows at a time, the inner dimension in the lanes of two
// accumulators a row. A row's sum is made in the same order whichever rows surround it.

package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type gemv struct {
	machine
	args, m, k, rsa, x, index reg.GPVirtual
	row                       [4]reg.GPVirtual
	acc                       [4][2]reg.VecVirtual
	lanesK                    reg.OpmaskVirtual // AVX-512: of a partial vector
	lanesY                    reg.VecVirtual    // AVX2: the same
}

// vectorProducts writes the matrix-vector kernels of one instruction set.
func vectorProducts(set isa) {
	for _, size := range []int{4, 8} {
		(&gemv{machine: machine{set, size}}).write()
	}
}

func (v *gemv) write() {
	TEXT("gemv"+v.suffix(), NOSPLIT, "func(p *byte)")
	Pragma("noescape")
	Doc("gemv" + v.suffix() + " multiplies rows of A by a vector.")
	v.args, v.m, v.k, v.rsa, v.x = GP64(), GP64(), GP64(), GP64(), GP64()
	Load(Param("p"), v.args)
	MOVQ(at(v.args, fieldM), v.m)
	MOVQ(at(v.args, fieldK), v.k)
	MOVQ(at(v.args, fieldRSA), v.rsa)
	MOVQ(at(v.args, fieldB), v.x)
	keep(v.args, fieldBias, nowBias)
	keep(v.args, fieldC, nowC)
	keep(v.args, fieldAux, nowAux)
	for i := range v.row {
		v.row[i] = GP64()
	}
	MOVQ(at(v.args, fieldA), v.row[0])
	v.tailMask()

	Label("rows")
	// Rows that do not exist are the one before: computed again and not stored.
	for i := 1; i < 4; i++ {
		LEAQ(indexed(v.row[i-1], v.rsa, 1, 0), v.row[i])
		CMPQ(v.m, imm(i))
		CMOVQLE(v.row[i-1], v.row[i])
	}
	v.inner()
	sum := v.reduce()
	CMPQ(v.m, imm(4))
	goTo(JLT, "few")
	v.finish(sum, false)
	for _, now := range []int{nowBias, nowC, nowAux} {
		ADDQ(imm(4*v.size), at(v.args, now))
	}
	ADDQ(v.rsa, v.row[3])
	MOVQ(v.row[3], v.row[0])
	SUBQ(imm(4), v.m)
	goTo(JNE, "rows")
	VZEROUPPER()
	RET()

	Label("few")
	v.finish(sum, true)
	VZEROUPPER()
	RET()
}

// tailMask selects the lanes of the vector that k does not fill.
func (v *gemv) tailMask() {
	left := GP64()
	MOVQ(v.k, left)
	ANDQ(imm(v.lanes()-1), left)
	if v.masks {
		v.lanesK = v.bits(left)
	} else {
		v.lanesY = YMM()
		v.window(left, v.lanesY)
	}
}

// bits is a mask register with the lowest n bits set.
func (v *gemv) bits(n reg.GPVirtual) reg.OpmaskVirtual {
	ones, k := GP64(), K()
	MOVQ(operand.U64(0xffffffffffffffff), ones)
	BZHIQ(n, ones, ones)
	KMOVW(ones.As32(), k)
	return k
}

// window loads a vector whose lowest n lanes are ones.
func (v *gemv) window(n reg.GPVirtual, dst reg.Register) {
	p, back := GP64(), GP64()
	LEAQ(windowTable(v.size), p)
	MOVQ(n, back)
	NEGQ(back)
	VMOVUPS(indexed(p, back, v.size, 8*v.size), dst)
}

// inner accumulates four rows times the vector.
func (v *gemv) inner() {
	for i := range v.acc {
		for u := range v.acc[i] {
			v.acc[i][u] = v.zero()
		}
	}
	v.index = GP64()
	left := GP64()
	XORQ(v.index, v.index)
	MOVQ(v.k, left)
	w := v.lanes()
	vector := func(u int) {
		x := v.vec()
		v.move(indexed(v.x, v.index, v.size, u*v.bytes), x)
		for i := range v.acc {
			v.fma(indexed(v.row[i], v.index, v.size, u*v.bytes), x, v.acc[i][u])
		}
	}
	SUBQ(imm(2*w), left)
	goTo(JLT, "one")
	Label("two")
	vector(0)
	vector(1)
	ADDQ(imm(2*w), v.index)
	SUBQ(imm(2*w), left)
	goTo(JGE, "two")
	Label("one")
	ADDQ(imm(w), left)
	goTo(JLT, "part")
	vector(0)
	ADDQ(imm(w), v.index)
	SUBQ(imm(w), left)
	Label("part")
	ADDQ(imm(w), left)
	goTo(JEQ, "reduce")
	x := v.vec()
	v.masked(indexed(v.x, v.index, v.size, 0), x)
	for i := range v.acc {
		y := v.vec()
		v.masked(indexed(v.row[i], v.index, v.size, 0), y)
		v.fma(y, x, v.acc[i][1])
	}
	Label("reduce")
}

func (v *gemv) masked(m operand.Mem, dst reg.Register) {
	if v.masks {
		v.pick(three(VMOVUPS_Z), three(VMOVUPD_Z), m, v.lanesK, dst)
	} else {
		v.pick(three(VMASKMOVPS), three(VMASKMOVPD), m, v.lanesY, dst)
	}
}

// reduce returns the four rows' sums in a vector of four.
func (v *gemv) reduce() reg.VecVirtual {
	var y [4]reg.VecVirtual
	for i := range y {
		v.pick(VADDPS, VADDPD, v.acc[i][1], v.acc[i][0], v.acc[i][0])
		y[i] = YMM()
		if v.masks {
			VEXTRACTF64X4(operand.U8(1), v.acc[i][0], y[i])
			v.pick(VADDPS, VADDPD, v.acc[i][0].AsY(), y[i], y[i])
		} else {
			VMOVUPS(v.acc[i][0], y[i])
		}
	}
	pair := func(a, b reg.VecVirtual) reg.VecVirtual {
		dst := YMM()
		v.pick(three(VHADDPS), three(VHADDPD), b, a, dst)
		return dst
	}
	first, second := pair(y[0], y[1]), pair(y[2], y[3])
	if v.size == 4 {
		sums, high := pair(first, second), XMM()
		VEXTRACTF128(operand.U8(1), sums, high)
		VADDPS(high, sums.AsX(), sums.AsX())
		return sums
	}
	low, high := YMM(), YMM()
	VPERM2F128(operand.U8(0x20), second, first, low)
	VPERM2F128(operand.U8(0x31), second, first, high)
	VADDPD(high, low, low)
	return low
}

// four is the register of four elements in r.
func (v *gemv) four(r reg.VecVirtual) reg.Register {
	if v.size == 4 {
		return r.AsX()
	}
	return r.AsY()
}

// finish adds the bias or C, applies ReLU or the gate, and stores. few says that there are less
// than four rows.
func (v *gemv) finish(sum reg.VecVirtual, few bool) {
	name := func(s string) string {
		if few {
			return s + "Few"
		}
		return s
	}
	var k reg.OpmaskVirtual
	window := YMM()
	if few && v.masks {
		k = v.bits(v.m)
	} else if few {
		v.window(v.m, window)
	}
	load := func(now int) reg.Register {
		p, dst := GP64(), YMM()
		MOVQ(at(v.args, now), p)
		switch {
		case !few:
			v.move(at(p, 0), v.four(dst))
		case v.masks:
			v.pick(three(VMOVUPS_Z), three(VMOVUPD_Z), at(p, 0), k, v.four(dst))
		default:
			v.pick(three(VMASKMOVPS), three(VMASKMOVPD), at(p, 0), v.four(window), v.four(dst))
		}
		return v.four(dst)
	}
	s := v.four(sum)
	CMPQ(at(v.args, fieldStart), imm(startBias))
	goTo(JLT, name("added"))
	goTo(JGT, name("addC"))
	v.pick(VADDPS, VADDPD, load(nowBias), s, s)
	goTo(JMP, name("added"))
	Label(name("addC"))
	v.pick(VADDPS, VADDPD, load(nowC), s, s)
	Label(name("added"))

	CMPQ(at(v.args, fieldFinish), imm(finishReLU))
	goTo(JLT, name("store"))
	zero := YMM()
	VXORPS(zero, zero, zero)
	goTo(JGT, name("gate"))
	v.pick(VMAXPS, VMAXPD, s, v.four(zero), s)
	goTo(JMP, name("store"))
	Label(name("gate"))
	open := load(nowAux)
	v.pick(VCMPPS, VCMPPD, operand.U8(lessThan), open, v.four(zero), open)
	v.pick(VANDPS, VANDPD, open, s, s)

	Label(name("store"))
	c := GP64()
	MOVQ(at(v.args, nowC), c)
	switch {
	case !few:
		v.move(s, at(c, 0))
	case v.masks:
		v.pick(VMOVUPS, VMOVUPD, s, k, at(c, 0))
	default:
		v.pick(three(VMASKMOVPS), three(VMASKMOVPD), s, v.four(window), at(c, 0))
	}
}
