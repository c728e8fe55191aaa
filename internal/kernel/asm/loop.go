// The loop of an elementwise kernel: whole vectors, then one masked vector for what is left, with
// the same arithmetic, so that an element's bits do not depend on where it stands.

package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// row is a pointer parameter. Its elements are of the function's type unless wide says float64.
type row struct {
	name string
	wide bool
}

// narrow and wide name rows of the function's type and of float64.
func narrow(names ...string) (r []row) {
	for _, n := range names {
		r = append(r, row{n, false})
	}
	return r
}

func wide(names ...string) (r []row) {
	for _, n := range names {
		r = append(r, row{n, true})
	}
	return r
}

// loop is the state of an elementwise kernel. Its machine computes in float64 where the kernel does.
type loop struct {
	machine
	stored  int // bytes of an element of the function's type
	rows    map[string]row
	pointer map[string]reg.GPVirtual
	index   reg.GPVirtual
	scalar  map[string]reg.VecVirtual
	fields  map[string]int // of a struct of arguments, where pointers and scalars lie in one
	args    reg.GPVirtual

	part   int                   // which vector of the step: reductions on AVX2 take two
	tail   bool                  // the step is partial
	lanesK reg.OpmaskVirtual     // AVX-512: its lanes
	window map[int]reg.GPVirtual // AVX2: address of its lanes' mask, by element size
}

// elementwise declares a kernel over rows with scalar parameters and writes its loop. parts is the
// number of vectors of a step.
func elementwise(set isa, name string, stored, computed, parts int, rows []row, scalars []string, before, body, after func(l *loop)) {
	l := &loop{
		machine: machine{set, computed}, stored: stored,
		rows: map[string]row{}, pointer: map[string]reg.GPVirtual{}, scalar: map[string]reg.VecVirtual{},
		window: map[int]reg.GPVirtual{},
	}
	declared = append(declared, declaration{name, stored, rows, scalars, computed > stored})
	narrowType := machine{set, stored}
	params := []string{"n int"}
	for _, r := range rows {
		t := narrowType.goType()
		if r.wide {
			t = "float64"
		}
		params = append(params, r.name+" *"+t)
	}
	for _, s := range scalars {
		params = append(params, s+" "+l.goType())
	}
	result := ""
	if name == "finite" {
		result = " (unfit uint64)"
	}
	TEXT(name+narrowType.suffix(), NOSPLIT, "func("+strings.Join(params, ", ")+")"+result)
	Pragma("noescape")
	n := GP64()
	Load(Param("n"), n)
	for _, r := range rows {
		l.rows[r.name], l.pointer[r.name] = r, GP64()
		Load(Param(r.name), l.pointer[r.name])
	}
	for _, s := range scalars {
		l.scalar[s] = l.vec()
		where, err := Param(s).Resolve()
		if err != nil {
			panic(err)
		}
		l.broadcast(where.Addr, l.scalar[s])
	}
	before(l)
	l.index = GP64()
	XORQ(l.index, l.index)
	l.steps(n, parts, body)
	after(l)
	VZEROUPPER()
	RET()
}

// steps runs body over n elements from the index on.
func (l *loop) steps(n reg.GPVirtual, parts int, body func(l *loop)) {
	step := parts * l.lanes()
	each := func() {
		for l.part = 0; l.part < parts; l.part++ {
			body(l)
		}
	}
	SUBQ(imm(step), n)
	goTo(JLT, "partial")
	Label("whole")
	each()
	ADDQ(imm(step), l.index)
	SUBQ(imm(step), n)
	goTo(JGE, "whole")
	Label("partial")
	ADDQ(imm(step), n)
	goTo(JEQ, "done")
	l.tail = true
	l.mask(n)
	each()
	Label("done")
}

func nothing(*loop) {}

// mask selects the first n lanes of a step.
func (l *loop) mask(n reg.GPVirtual) {
	if l.masks {
		bits := GP64()
		MOVQ(operand.U64(0xffffffffffffffff), bits)
		BZHIQ(n, bits, bits)
		l.lanesK = K()
		KMOVW(bits.As32(), l.lanesK)
		return
	}
	for _, size := range []int{4, 8} {
		// n lanes of ones, then zeros, start n elements before the middle of the table.
		p, back := GP64(), GP64()
		LEAQ(windowTable(size), p)
		MOVQ(n, back)
		NEGQ(back)
		LEAQ(indexed(p, back, size, 8*size), p)
		l.window[size] = p
	}
}

var windows = map[int]operand.Mem{}

// windowTable is eight elements of ones, then eight of zeros.
func windowTable(size int) operand.Mem {
	if m, ok := windows[size]; ok {
		return m
	}
	m := GLOBL(fmt.Sprintf("window%d", 8*size), RODATA|NOPTR)
	for i := 0; i < 16; i++ {
		ones := uint64(0)
		if i < 8 {
			ones = ^uint64(0)
		}
		if size == 4 {
			DATA(4*i, operand.U32(ones))
		} else {
			DATA(8*i, operand.U64(ones))
		}
	}
	windows[size] = m
	return m
}

// lanesMask is the mask of this part of a partial step on AVX2.
func (l *loop) lanesMask(size int) reg.VecVirtual {
	m := YMM()
	VMOVUPS(at(l.window[size], l.part*l.lanes()*size), m)
	return m
}

func (l *loop) place(name string) (operand.Mem, int) {
	size := l.stored
	if l.rows[name].wide {
		size = 8
	}
	return indexed(l.base(name), l.index, size, l.part*l.lanes()*size), size
}

// base is where a row starts.
func (l *loop) base(name string) reg.GPVirtual {
	if p, ok := l.pointer[name]; ok {
		return p
	}
	p := GP64()
	MOVQ(at(l.args, l.fields[name]), p)
	return p
}

// load reads a vector of a row, widened where the kernel computes in float64. Lanes past the end
// are zero.
func (l *loop) load(name string) reg.VecVirtual {
	return l.loadFrom(l.place(name))
}

func (l *loop) loadFrom(m operand.Mem, size int) reg.VecVirtual {
	dst := l.vec()
	convert := size < l.size
	switch {
	case convert && !l.tail:
		VCVTPS2PD(m, dst)
	case convert && l.masks:
		VCVTPS2PD_Z(m, l.lanesK, dst)
	case convert:
		x := XMM()
		VMASKMOVPS(m, l.lanesMask(4).AsX(), x)
		VCVTPS2PD(x, dst)
	case !l.tail:
		l.move(m, dst)
	case l.masks && size == 4:
		VMOVUPS_Z(m, l.lanesK, dst)
	case l.masks:
		VMOVUPD_Z(m, l.lanesK, dst)
	case size == 4:
		VMASKMOVPS(m, l.lanesMask(4), dst)
	default:
		VMASKMOVPD(m, l.lanesMask(8), dst)
	}
	return dst
}

// store writes a vector to a row, narrowed where the kernel computes in float64.
func (l *loop) store(src reg.VecVirtual, name string) {
	m, size := l.place(name)
	l.storeTo(src, m, size)
}

func (l *loop) storeTo(src reg.VecVirtual, m operand.Mem, size int) {
	if size < l.size {
		l.storeNarrow(src, m)
		return
	}
	switch {
	case !l.tail:
		l.move(src, m)
	case l.masks:
		l.pick(VMOVUPS, VMOVUPD, src, l.lanesK, m)
	default:
		l.pick(three(VMASKMOVPS), three(VMASKMOVPD), src, l.lanesMask(size), m)
	}
}

func (l *loop) storeNarrow(src reg.VecVirtual, m operand.Mem) {
	if l.masks {
		y := YMM()
		VCVTPD2PS(src, y)
		if l.tail {
			VMOVUPS(y, l.lanesK, m)
		} else {
			VMOVUPS(y, m)
		}
		return
	}
	x := XMM()
	VCVTPD2PSY(src, x)
	if l.tail {
		VMASKMOVPS(x, l.lanesMask(4).AsX(), m)
	} else {
		VMOVUPS(x, m)
	}
}

// clip zeroes the lanes past the end, for what a reduction must not see.
func (l *loop) clip(x reg.VecVirtual) reg.VecVirtual {
	if !l.tail {
		return x
	}
	dst := l.vec()
	if l.masks {
		l.pick(three(VMOVAPS_Z), three(VMOVAPD_Z), x, l.lanesK, dst)
		return dst
	}
	l.pick(VANDPS, VANDPD, l.lanesMask(l.size), x, dst)
	return dst
}
