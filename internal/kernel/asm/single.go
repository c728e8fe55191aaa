// The product of a packed matrix and a vector: outputs in the lanes, so that a sum stays in its lane
// from the bias to the store. A panel's rows are whole lines of cache and, in a stream of their own,
// half a line or less. Narrow panels take several rows at once in accumulators of their own, which
// hides how long a multiply-add takes. The kernels of AVX-512 are in listed.go.

package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Fields of kernel.packedPanel, in order; each is eight bytes.
const (
	packedLines = 8 * iota
	packedRest
	packedStride // bytes from row to row of the rest
	packedBias
	packedMask // of the last vector, as in fieldMask
	packedKind // twice the lines, and one if there is a rest
)

const (
	line      = 64
	mostLines = 7
)

type packed struct {
	machine
	x, k, lines, rest, stride, stride3, bias, args reg.GPVirtual
}

// packedProducts writes the kernels of one instruction set.
func packedProducts(set isa) {
	for _, size := range []int{4, 8} {
		v := &packed{machine: machine{set, size}}
		if set.masks {
			v.writeListed()
		} else {
			v.write()
		}
	}
}

// begin declares the kernel and loads what it is given.
func (v *packed) begin(attributes attr.Attribute) {
	name := "packed" + v.suffix()
	TEXT(name, attributes, "func(p *byte, x, y *"+v.goType()+", k, relu int)")
	Pragma("noescape")
	Doc(name + " multiplies a panel of a packed matrix by a vector.")
	v.args, v.x, v.k = GP64(), GP64(), GP64()
	Load(Param("p"), v.args)
	Load(Param("x"), v.x)
	Load(Param("k"), v.k)
	for _, f := range []struct {
		field int
		dst   *reg.GPVirtual
	}{
		{packedLines, &v.lines},
		{packedRest, &v.rest},
		{packedStride, &v.stride},
		{packedBias, &v.bias},
	} {
		*f.dst = GP64()
		MOVQ(at(v.args, f.field), *f.dst)
	}
}

func (v *packed) write() {
	v.begin(NOSPLIT)
	v.stride3 = GP64()
	LEAQ(indexed(v.stride, v.stride, 2, 0), v.stride3)
	v.kinds(1, 2*mostLines, v.panel)
}

// kinds writes the panels of kinds lo to hi, and a jump to each.
func (v *packed) kinds(lo, hi int, panel func(lines int, rest bool)) {
	kind := GP64()
	MOVQ(at(v.args, packedKind), kind)
	for k := hi - 1; k >= lo; k-- { // the widest is the likeliest
		CMPQ(kind, imm(k))
		goTo(JEQ, label("kind", k))
	}
	for k := hi; k >= lo; k-- {
		Label(label("kind", k))
		panel(k/2, k%2 == 1)
	}
}

// sets is how many rows are taken at once, for so many vectors: as registers allow.
func (v *packed) sets(vectors int) int {
	switch {
	case vectors <= 3:
		return 4
	case vectors <= 6:
		return 2
	}
	return 1
}

// accumulators are sets of a panel's vectors, the first set loaded with the bias and the others zero.
// A rest has half a vector on AVX-512.
func (v *packed) accumulators(sets, whole int, rest bool) [][]reg.Register {
	n := whole
	if rest {
		n++
	}
	acc := make([][]reg.Register, sets)
	for s := range acc {
		acc[s] = make([]reg.Register, n)
		for i := range acc[s] {
			r := v.vec()
			acc[s][i] = r
			if i == whole {
				acc[s][i] = r.AsY()
			}
			if s > 0 {
				v.clear(r)
				continue
			}
			v.move(at(v.bias, i*v.bytes), acc[s][i])
		}
	}
	return acc
}

// panel computes one panel of the given lines and perhaps a rest.
func (v *packed) panel(lines int, rest bool) {
	name := func(s string) string {
		return fmt.Sprintf("%s%d%t", s, lines, rest)
	}
	whole := lines * line / v.bytes // vectors of whole lines
	n := whole
	if rest {
		n++
	}
	sets := v.sets(n)
	acc := v.accumulators(sets, whole, rest)
	row := func(s int) {
		x := v.vec()
		v.broadcast(at(v.x, s*v.size), x)
		for i := range acc[s] {
			if i < whole {
				v.fma(at(v.lines, s*lines*line+i*v.bytes), x, acc[s][i])
				continue
			}
			at := [...]operand.Mem{
				at(v.rest, 0), indexed(v.rest, v.stride, 1, 0), indexed(v.rest, v.stride, 2, 0), indexed(v.rest, v.stride3, 1, 0),
			}
			v.fma(at[s], x.AsY(), acc[s][i])
		}
	}
	advance := func(rows int) {
		ADDQ(imm(rows*v.size), v.x)
		if lines > 0 {
			ADDQ(imm(rows*lines*line), v.lines)
		}
		if rest {
			LEAQ(indexed(v.rest, v.stride, rows, 0), v.rest)
		}
	}
	SUBQ(imm(sets), v.k)
	goTo(JLT, name("few"))
	Label(name("rows"))
	for s := range acc {
		row(s)
	}
	advance(sets)
	SUBQ(imm(sets), v.k)
	goTo(JGE, name("rows"))
	Label(name("few"))
	if sets > 1 {
		ADDQ(imm(sets), v.k)
		goTo(JEQ, name("sum"))
		Label(name("row"))
		row(0)
		advance(1)
		DECQ(v.k)
		goTo(JNE, name("row"))
		Label(name("sum"))
	}
	v.finish(acc, whole, name)
}

// finish adds up the sets and stores the outputs.
func (v *packed) finish(acc [][]reg.Register, whole int, name func(string) string) {
	sets, n := len(acc), len(acc[0])
	for step := 1; step < sets; step *= 2 {
		for s := 0; s < sets; s += 2 * step {
			for i := range acc[s] {
				v.pick(VADDPS, VADDPD, acc[s+step][i], acc[s][i], acc[s][i])
			}
		}
	}
	relu, out := GP64(), GP64()
	Load(Param("relu"), relu)
	Load(Param("y"), out)
	CMPQ(relu, imm(0))
	goTo(JEQ, name("store"))
	zero := v.zero()
	for i, r := range acc[0] {
		z := reg.Register(zero)
		if i == whole {
			z = zero.AsY()
		}
		v.pick(VMAXPS, VMAXPD, r, z, r) // the first operand wins if it is NaN
	}
	Label(name("store"))
	for i, r := range acc[0][:n-1] {
		v.move(r, at(out, i*v.bytes))
	}
	last, m := acc[0][n-1], at(out, (n-1)*v.bytes)
	if v.masks {
		k := K()
		KMOVW(at(v.args, packedMask), k)
		v.pick(VMOVUPS, VMOVUPD, last, k, m)
	} else {
		p, window := GP64(), YMM()
		MOVQ(at(v.args, packedMask), p)
		v.move(at(p, 0), window)
		v.pick(three(VMASKMOVPS), three(VMASKMOVPD), last, window, m)
	}
	VZEROUPPER()
	RET()
}
