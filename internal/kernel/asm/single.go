// The product of a packed matrix and a vector: outputs in the lanes, so that a sum stays in its lane
// from the bias to the store. A panel's rows are whole lines of cache and, in a stream of their own,
// half a line or less. Narrow panels take several rows at once in accumulators of their own, which
// hides how long a multiply-add takes.

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Fields of kernel.packedPanel, in order; each is eight bytes.
const (
	packedX = 8 * iota
	packedK
	packedLines
	packedRest
	packedStride // bytes from row to row of the rest
	packedBias
	packedOut
	packedReLU
	packedMask // of the last vector, as in fieldMask
	packedKind // twice the lines, and one if there is a rest
)

const (
	line      = 64
	mostLines = 7
)

type packed struct {
	machine
	x, k, lines, rest, stride, stride3, bias, out, args reg.GPVirtual
}

// packedProducts writes the kernels of one instruction set.
func packedProducts(set isa) {
	for _, size := range []int{4, 8} {
		(&packed{machine: machine{set, size}}).write()
	}
}

func (v *packed) write() {
	name := "packed" + v.suffix()
	TEXT(name, NOSPLIT, "func(p *byte)")
	Pragma("noescape")
	Doc(name + " multiplies a panel of a packed matrix by a vector.")
	v.args = GP64()
	Load(Param("p"), v.args)
	for _, f := range []struct {
		field int
		dst   *reg.GPVirtual
	}{
		{packedX, &v.x},
		{packedK, &v.k},
		{packedLines, &v.lines},
		{packedRest, &v.rest},
		{packedStride, &v.stride},
		{packedBias, &v.bias},
		{packedOut, &v.out},
	} {
		*f.dst = GP64()
		MOVQ(at(v.args, f.field), *f.dst)
	}
	v.stride3 = GP64()
	LEAQ(indexed(v.stride, v.stride, 2, 0), v.stride3)
	kind := GP64()
	MOVQ(at(v.args, packedKind), kind)
	for k := 2*mostLines - 1; k >= 1; k-- { // the widest is the likeliest
		CMPQ(kind, imm(k))
		goTo(JEQ, label("kind", k))
	}
	for k := 2 * mostLines; k >= 1; k-- {
		Label(label("kind", k))
		v.panel(k/2, k%2 == 1)
	}
}

// sets is how many rows are taken at once, for so many vectors: as registers allow.
func (v *packed) sets(vectors int) int {
	switch {
	case v.masks && vectors <= 2, vectors <= 3 && !v.masks:
		return 4
	case v.masks, vectors <= 6:
		return 2
	}
	return 1
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
	for step := 1; step < sets; step *= 2 {
		for s := 0; s < sets; s += 2 * step {
			for i := range acc[s] {
				v.pick(VADDPS, VADDPD, acc[s+step][i], acc[s][i], acc[s][i])
			}
		}
	}
	CMPQ(at(v.args, packedReLU), imm(0))
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
		v.move(r, at(v.out, i*v.bytes))
	}
	last, m := acc[0][n-1], at(v.out, (n-1)*v.bytes)
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
