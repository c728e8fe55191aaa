// The vector machine that the kernels are written for: one width of registers, one element type to
// compute in, and operations that hide the differences between AVX2 and AVX-512.

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
	"github.com/mmcloughlin/avo/x86"
)

type isa struct {
	name  string // Z or Y: the suffix of its functions
	bytes int    // of a register
	masks bool   // AVX-512: mask registers, scalef, 32 registers
}

// machine emits instructions for one instruction set and one element type.
type machine struct {
	isa
	size int // bytes of an element: 4 or 8
}

func (v *machine) lanes() int { return v.bytes / v.size }

// goType is the element type in a Go declaration.
func (v *machine) goType() string { return fmt.Sprintf("float%d", 8*v.size) }

// suffix names a function for this machine: Z32, Z64, Y32 or Y64.
func (v *machine) suffix() string { return fmt.Sprintf("%s%d", v.name, 8*v.size) }

func (v *machine) vec() reg.VecVirtual {
	if v.masks {
		return ZMM()
	}
	return YMM()
}

func (v *machine) zero() reg.VecVirtual {
	r := v.vec()
	v.clear(r)
	return r
}

// clear zeroes a register.
func (v *machine) clear(r reg.VecVirtual) {
	if !v.masks {
		VXORPS(r, r, r)
		return
	}
	// The register allocator must be told that the result does not depend on what r held.
	xor, err := x86.VPXORD(r, r, r)
	if err != nil {
		panic(err)
	}
	xor.CancellingInputs = true
	Instruction(xor)
}

// pick emits one of two instructions by the element type.
func (v *machine) pick(single, double func(...operand.Op), ops ...operand.Op) {
	if v.size == 4 {
		single(ops...)
	} else {
		double(ops...)
	}
}

// broadcast fills dst with the element at m.
func (v *machine) broadcast(m operand.Mem, dst reg.Register) {
	v.pick(VBROADCASTSS, VBROADCASTSD, m, dst)
}

// fma is acc += x*y.
func (v *machine) fma(x, y operand.Op, acc reg.Register) {
	v.pick(VFMADD231PS, VFMADD231PD, x, y, acc)
}

// fmaBroadcast is acc += m*y for the element at m in every lane: AVX-512 only.
func (v *machine) fmaBroadcast(m operand.Mem, y, acc reg.Register) {
	v.pick(VFMADD231PS_BCST, VFMADD231PD_BCST, m, y, acc)
}

func (v *machine) move(src, dst operand.Op) { v.pick(VMOVUPS, VMOVUPD, src, dst) }

// at is the address base + disp.
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// indexed is the address base + index*scale + disp.
func indexed(base, index reg.Register, scale, disp int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: uint8(scale), Disp: disp}
}

func imm(i int) operand.Constant { return operand.U32(uint32(i)) }

func label(name string, n int) string { return fmt.Sprintf("%s%d", name, n) }

func goTo(jump func(operand.Op), name string) { jump(operand.LabelRef(name)) }

// three and four adapt the emitters of a fixed number of operands.
func three(f func(a, b, c operand.Op)) func(...operand.Op) {
	return func(o ...operand.Op) { f(o[0], o[1], o[2]) }
}

func four(f func(a, b, c, d operand.Op)) func(...operand.Op) {
	return func(o ...operand.Op) { f(o[0], o[1], o[2], o[3]) }
}
