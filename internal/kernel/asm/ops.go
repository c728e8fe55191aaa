// Arithmetic on vectors as expressions: each operation returns a new register, and the register
// allocator finds out which can be shared.

package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func (v *machine) binary(single, double func(...operand.Op), x, y operand.Op) reg.VecVirtual {
	dst := v.vec()
	v.pick(single, double, y, x, dst)
	return dst
}

func (v *machine) add(x, y operand.Op) reg.VecVirtual { return v.binary(VADDPS, VADDPD, x, y) }
func (v *machine) sub(x, y operand.Op) reg.VecVirtual { return v.binary(VSUBPS, VSUBPD, x, y) }
func (v *machine) mul(x, y operand.Op) reg.VecVirtual { return v.binary(VMULPS, VMULPD, x, y) }
func (v *machine) div(x, y operand.Op) reg.VecVirtual { return v.binary(VDIVPS, VDIVPD, x, y) }
func (v *machine) and(x, y operand.Op) reg.VecVirtual { return v.binary(VANDPS, VANDPD, x, y) }
func (v *machine) or(x, y operand.Op) reg.VecVirtual  { return v.binary(VORPS, VORPD, x, y) }

// atMost and atLeast clamp x; a NaN in x stays, because the second source wins when one is NaN.
func (v *machine) atMost(x reg.Register, limit float64) reg.VecVirtual {
	return v.binary(VMINPS, VMINPD, v.register(v.constant(limit)), x)
}

func (v *machine) atLeast(x reg.Register, limit float64) reg.VecVirtual {
	return v.binary(VMAXPS, VMAXPD, v.register(v.constant(limit)), x)
}

// notNegative is max(x, 0), NaN staying NaN.
func (v *machine) notNegative(x reg.Register) reg.VecVirtual {
	return v.binary(VMAXPS, VMAXPD, v.zero(), x)
}

func (v *machine) sqrt(x operand.Op) reg.VecVirtual {
	dst := v.vec()
	v.pick(VSQRTPS, VSQRTPD, x, dst)
	return dst
}

// madd is x*y + z, rounded once. It takes z over: the register holds the result afterwards.
func (v *machine) madd(x, y operand.Op, z reg.VecVirtual) reg.VecVirtual {
	v.pick(VFMADD231PS, VFMADD231PD, y, x, z)
	return z
}

// nmadd is z - x*y, rounded once. It takes z over as well.
func (v *machine) nmadd(x, y operand.Op, z reg.VecVirtual) reg.VecVirtual {
	v.pick(VFNMADD231PS, VFNMADD231PD, y, x, z)
	return z
}

// polynomial evaluates coefficients, highest power first, at x by Horner's rule.
func (v *machine) polynomial(x reg.Register, coefficients ...float64) reg.VecVirtual {
	p := v.register(v.constant(coefficients[0]))
	for _, c := range coefficients[1:] {
		v.pick(VFMADD213PS, VFMADD213PD, v.constant(c), x, p)
	}
	return p
}

// round is x rounded to an integer, ties to even.
func (v *machine) round(x reg.Register) reg.VecVirtual {
	dst := v.vec()
	if v.masks {
		v.pick(VRNDSCALEPS, VRNDSCALEPD, operand.U8(8), x, dst)
	} else {
		v.pick(three(VROUNDPS), three(VROUNDPD), operand.U8(8), x, dst)
	}
	return dst
}

// register copies an operand to a new register.
func (v *machine) register(x operand.Op) reg.VecVirtual {
	dst := v.vec()
	v.move(x, dst)
	return dst
}

var constants = map[string]operand.Mem{}

// constant is a vector of one value in memory.
func (v *machine) constant(f float64) operand.Mem {
	if v.size == 4 {
		return v.pattern(uint64(math.Float32bits(float32(f))))
	}
	return v.pattern(math.Float64bits(f))
}

// pattern is a vector of one bit pattern in memory.
func (v *machine) pattern(bits uint64) operand.Mem {
	name := fmt.Sprintf("c%d_%0*x", 8*v.size, 2*v.size, bits)
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := 0; i < v.bytes; i += v.size {
		if v.size == 4 {
			DATA(i, operand.U32(bits))
		} else {
			DATA(i, operand.U64(bits))
		}
	}
	constants[name] = m
	return m
}

// sign is the sign bit of x, and abs the rest.
func (v *machine) sign(x reg.Register) reg.VecVirtual {
	return v.and(x, v.pattern(1<<(8*v.size-1)))
}

func (v *machine) abs(x reg.Register) reg.VecVirtual {
	return v.and(x, v.pattern(1<<(8*v.size-1)-1))
}

// condition is a comparison's outcome by lanes: a mask register or a vector.
type condition struct {
	k reg.OpmaskVirtual
	y reg.VecVirtual
}

// Predicates, none of which raises an exception for a NaN.
const (
	equal     = 0x00
	unordered = 0x03
	notEqual  = 0x04 // or unordered
	lessThan  = 0x11
)

// compare says for each lane whether x stands to y as the predicate has it.
func (v *machine) compare(predicate uint8, x, y operand.Op) condition {
	if v.masks {
		k := K()
		v.pick(VCMPPS, VCMPPD, operand.U8(predicate), y, x, k)
		return condition{k: k}
	}
	m := YMM()
	v.pick(VCMPPS, VCMPPD, operand.U8(predicate), y, x, m)
	return condition{y: m}
}

// choose is yes where c holds and no elsewhere.
func (v *machine) choose(c condition, yes, no reg.Register) reg.VecVirtual {
	dst := v.vec()
	if v.masks {
		v.pick(VBLENDMPS, VBLENDMPD, yes, no, c.k, dst)
	} else {
		v.pick(four(VBLENDVPS), four(VBLENDVPD), c.y, yes, no, dst)
	}
	return dst
}
