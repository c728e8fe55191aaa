// Rational-quadratic splines: what a row's values need, a vector of them at a time. Kernels for
// float32 rows compute in float64 with functions that are right to 4e-12, so
// that what is rounded to float32 is what it was.

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// splineFields are those of kernel.splineArgs, in order; each is eight bytes.
var splineFields = []string{
	"n", "from", "bins",
	"logits0", "logits1", "logitStride", "shares0", "shares1", "shareStride", "scale0", "scale1",
	"slopes", "first", "last", "slopeStride", "dLogits0", "dLogits1", "dLogitStride", "dSlopes", "dFirst", "dLast", "dSlopeStride",
	"at", "bin", "low0", "low1", "size0", "size1", "start", "end", "startFactor", "endFactor",
	"y", "x", "logDet",
	"bound", "edge", "least0", "least1", "free0", "free1", "minSlope", "offset", "maxRaw", "fixedFirst", "fixedLast",
}

// narrowFields point to rows of the function's type.
var narrowFields = map[string]bool{
	"logits0": true, "logits1": true, "slopes": true, "first": true, "last": true,
	"dLogits0": true, "dLogits1": true, "dSlopes": true, "dFirst": true, "dLast": true, "y": true, "x": true,
}

// spline is the state of a kernel.
type spline struct {
	loop
	labels int
}

// splines writes the kernels of one instruction set.
func splines(set isa) {
	for _, size := range []int{4, 8} {
		for _, k := range []struct {
			name, doc string
			body      func(s *spline)
		}{
			{"splineShares", "sets exponentials and their scales: see kernel.SplineShares.", (*spline).shares},
			{"splineLocate", "finds bins: see kernel.Spline.Locate.", (*spline).locate},
			{"splineSlopes", "makes slopes and their derivatives: see kernel.Spline.SoftplusSlopes.", (*spline).slopes},
			{"splineForward", "evaluates: see kernel.Spline.Forward.", (*spline).forward},
			{"splineBackward", "is the adjoint: see kernel.Spline.Backward.", (*spline).backward},
		} {
			s := &spline{loop: loop{
				machine: machine{set, 8}, stored: size,
				rows: map[string]row{}, pointer: map[string]reg.GPVirtual{}, window: map[int]reg.GPVirtual{}, fields: map[string]int{},
			}}
			for i, f := range splineFields {
				s.fields[f], s.rows[f] = 8*i, row{f, !narrowFields[f]}
			}
			name := k.name + (&machine{set, size}).suffix()
			attributes := NOSPLIT
			if !set.masks && k.name == "splineBackward" {
				attributes = 0 // its frame is larger than such functions may have
			}
			TEXT(name, attributes, "func(p *byte)")
			Pragma("noescape")
			Doc(name + " " + k.doc)
			s.args, s.index = GP64(), GP64()
			Load(Param("p"), s.args)
			n := GP64()
			MOVQ(s.field("n"), n)
			MOVQ(s.field("from"), s.index)
			s.steps(n, 1, func(*loop) { k.body(s) })
			VZEROUPPER()
			RET()
		}
	}
}

func (s *spline) field(name string) operand.Mem { return at(s.args, s.fields[name]) }

// number is a scalar of the arguments in every lane.
func (s *spline) number(name string) reg.VecVirtual {
	dst := s.vec()
	s.broadcast(s.field(name), dst)
	return dst
}

// walk is the address of this step's elements in the first of a matrix' rows.
func (s *spline) walk(name string) reg.GPVirtual {
	m, _ := s.place(name)
	p := GP64()
	LEAQ(m, p)
	return p
}

// label is a new one.
func (s *spline) label(name string) string {
	s.labels++
	return fmt.Sprintf("%s%d", name, s.labels)
}

// times repeats body as often as count says, which it uses up; not at all for 0.
func (s *spline) times(count reg.GPVirtual, body func()) {
	again, done := s.label("again"), s.label("over")
	TESTQ(count, count)
	goTo(JEQ, done)
	Label(again)
	body()
	DECQ(count)
	goTo(JNE, again)
	Label(done)
}

// given runs body where an argument is not 0.
func (s *spline) given(name string, body func()) {
	skip := s.label("without")
	CMPQ(s.field(name), imm(0))
	goTo(JEQ, skip)
	body()
	Label(skip)
}

// count is a number of the arguments less a constant.
func (s *spline) count(name string, less int) reg.GPVirtual {
	c := GP64()
	MOVQ(s.field(name), c)
	if less > 0 {
		SUBQ(imm(less), c)
	}
	return c
}

// replace puts yes into dst where c holds.
func (s *spline) replace(c condition, yes, dst reg.VecVirtual) {
	if s.masks {
		VMOVAPD(yes, c.k, dst)
	} else {
		VBLENDVPD(c.y, yes, dst, dst)
	}
}

// within is x from lo to hi; NaN stays.
func (s *spline) within(x, lo, hi reg.VecVirtual) reg.VecVirtual {
	return s.binary(VMAXPS, VMAXPD, lo, s.binary(VMINPS, VMINPD, hi, x))
}

// Predicates beside those of machine.
const (
	lessEqual    = 0x12
	greaterEqual = 0x1d
)
