// The product of a packed matrix and a vector by AVX-512. Most of the time of a single sample goes by
// reading weights, and a product with zero is not worth its weights: the inputs that are not zero are
// listed first, and the rows of the others are never read. They are half of them behind a ReLU and
// nearly all of a one-hot context's.

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	// mostInputs is what a list has room for, kernel.packedInner.
	mostInputs = 512
	// narrowest is the last kind of two vectors at most. Such panels have the inputs of even and of odd
	// numbers in lists and accumulators of their own, which hides how long a multiply-add takes.
	narrowest = 4
)

// list is inputs that are not zero, in their order: how many, their values, and which.
type list struct {
	n             reg.GPVirtual
	values, which operand.Mem
}

func (v *packed) writeListed() {
	v.begin(0) // the lists take more stack than a function that cannot ask for it may have
	var lists []list
	const half = mostInputs/2 + line/4 // of a list, or a whole one of two; vectors are stored whole
	values, which := AllocLocal(2*half*v.size), AllocLocal(2*half*4)
	for i := range 2 {
		lists = append(lists, list{GP64(), values.Offset(i * half * v.size), which.Offset(i * half * 4)})
	}
	CMPQ(at(v.args, packedKind), imm(narrowest))
	goTo(JLE, "narrow")
	v.fill("wide", lists[:1])
	v.kinds(narrowest+1, 2*mostLines, func(n int, rest bool) { v.listedPanel(lists[:1], n, rest) })
	Label("narrow")
	v.fill("narrow", lists)
	v.kinds(1, narrowest, func(n int, rest bool) { v.listedPanel(lists, n, rest) })
}

// list writes the lists. Zeros are behind a shorter one up to the end of the other, so that they can
// be read side by side.
func (v *packed) fill(name string, lists []list) {
	w := v.lanes()
	bits := GP64()
	shares := make([]reg.OpmaskVirtual, len(lists))
	for i, l := range lists {
		XORQ(l.n, l.n)
		if len(lists) > 1 {
			MOVQ(operand.U32(0x5555<<i), bits)
			shares[i] = K()
			KMOVW(bits.As32(), shares[i])
		}
	}
	numbers, step := v.vec(), v.vec()
	VMOVDQU32(ramp(), numbers)
	MOVQ(imm(w), bits)
	VPBROADCASTD(bits.As32(), step)
	zero := v.zero()
	vector := func(x reg.VecVirtual, lanes *reg.OpmaskVirtual) {
		counts := K()
		v.pick(VCMPPS, VCMPPD, operand.U8(notEqual), zero, x, counts)
		if lanes != nil {
			KANDW(*lanes, counts, counts)
		}
		for i, l := range lists {
			k := counts
			if len(lists) > 1 {
				k = K()
				KANDW(shares[i], counts, k)
			}
			values, which, n := v.vec(), v.vec(), GP64()
			v.pick(three(VCOMPRESSPS_Z), three(VCOMPRESSPD_Z), x, k, values)
			VPCOMPRESSD_Z(numbers, k, which)
			v.move(values, l.values.Idx(l.n, uint8(v.size)))
			VMOVDQU32(which, l.which.Idx(l.n, 4))
			KMOVW(k, n.As32())
			POPCNTQ(n, n)
			ADDQ(n, l.n)
		}
		VPADDD(step, numbers, numbers)
	}
	SUBQ(imm(w), v.k)
	goTo(JLT, name+"Partial")
	Label(name + "Whole")
	vector(v.register(at(v.x, 0)), nil)
	ADDQ(imm(line), v.x)
	SUBQ(imm(w), v.k)
	goTo(JGE, name+"Whole")
	Label(name + "Partial")
	ADDQ(imm(w), v.k)
	goTo(JEQ, name+"Listed")
	lanes, x := (&gemv{machine: v.machine}).bits(v.k), v.vec()
	v.pick(three(VMOVUPS_Z), three(VMOVUPD_Z), at(v.x, 0), lanes, x)
	vector(x, &lanes)
	Label(name + "Listed")
	if len(lists) == 1 {
		return
	}
	most := v.k
	MOVQ(lists[0].n, most)
	CMPQ(most, lists[1].n)
	CMOVQLT(lists[1].n, most)
	for i, l := range lists {
		Label(label("more", i))
		v.move(zero, l.values.Idx(l.n, uint8(v.size)))
		VMOVDQU32(zero, l.which.Idx(l.n, 4))
		ADDQ(imm(w), l.n)
		CMPQ(l.n, most)
		goTo(JLT, label("more", i))
	}
	MOVQ(most, lists[0].n)
}

// listedPanel computes one panel of the given lines and perhaps a rest, an input of each list at a
// time.
func (v *packed) listedPanel(lists []list, lines int, rest bool) {
	name := func(s string) string {
		return fmt.Sprintf("%s%d%t", s, lines, rest)
	}
	acc := v.accumulators(len(lists), lines, rest)
	n, i := lists[0].n, GP64()
	XORQ(i, i)
	CMPQ(n, imm(0))
	goTo(JEQ, name("sum"))
	Label(name("rows"))
	for s, l := range lists {
		x, which := v.vec(), GP64()
		v.broadcast(l.values.Idx(i, uint8(v.size)), x)
		MOVL(l.which.Idx(i, 4), which.As32())
		if lines > 0 {
			row := GP64()
			IMUL3Q(imm(lines*line), which, row)
			for j := range lines {
				v.fma(indexed(v.lines, row, 1, j*line), x, acc[s][j])
			}
		}
		if rest {
			IMULQ(v.stride, which)
			v.fma(indexed(v.rest, which, 1, 0), x.AsY(), acc[s][lines])
		}
	}
	INCQ(i)
	CMPQ(i, n)
	goTo(JLT, name("rows"))
	Label(name("sum"))
	v.finish(acc, lines, name)
}

var numbers *operand.Mem

// ramp is a vector of the integers from 0.
func ramp() operand.Mem {
	if numbers == nil {
		m := GLOBL("ramp", RODATA|NOPTR)
		for i := range line / 4 {
			DATA(4*i, operand.U32(i))
		}
		numbers = &m
	}
	return *numbers
}
