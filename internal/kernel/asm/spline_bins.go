// The bins of rational-quadratic splines: their shares, and which one a value is in.

package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// shares is exp(logit - most) for both axes, and free over their sums.
func (s *spline) shares() {
	var most, sum [2]reg.VecVirtual
	stride := s.count("logitStride", 0)
	for a := range most {
		p := s.walk(label("logits", a))
		largest := s.narrowest(at(p, 0))
		s.times(s.count("bins", 1), func() {
			ADDQ(stride, p)
			x := s.narrowest(at(p, 0))
			if s.stored == 4 {
				VMAXPS(x, largest, largest)
			} else {
				VMAXPD(x, largest, largest)
			}
		})
		most[a] = s.widened(largest)
		if s.stored == 4 {
			most[a] = s.mul(most[a], s.constant(math.Log2E))
		}
		sum[a] = s.zero()
	}
	from := [2]reg.GPVirtual{s.walk("logits0"), s.walk("logits1")}
	to := [2]reg.GPVirtual{s.walk("shares0"), s.walk("shares1")}
	toStride := s.count("shareStride", 0)
	bins := func(count int) { // of both axes
		var x []reg.VecVirtual
		for range count {
			for a := range most {
				v := s.loadFrom(at(from[a], 0), s.stored)
				if s.stored == 8 {
					v = s.sub(v, most[a])
				} else {
					VFMSUB213PD(most[a], s.register(s.constant(math.Log2E)), v)
				}
				x = append(x, v)
				ADDQ(stride, from[a])
			}
		}
		for i, e := range s.powersBelow(x...) {
			a := i % 2
			s.storeTo(e, at(to[a], 0), 8)
			VADDPD(e, sum[a], sum[a])
			ADDQ(toStride, to[a])
		}
	}
	rest := s.count("bins", 0)
	if s.masks { // whose registers are enough for two bins at once
		pairs := s.count("bins", 0)
		SHRQ(operand.U8(1), pairs)
		s.times(pairs, func() { bins(2) })
		ANDQ(operand.U8(1), rest)
	}
	s.times(rest, func() { bins(1) })
	for a := range most {
		s.store(s.div(s.number(label("free", a)), sum[a]), label("scale", a))
	}
}

// narrowest reads elements of the function's type and leaves them of it.
func (s *spline) narrowest(m operand.Mem) reg.Register {
	if s.stored == 8 {
		return s.loadFrom(m, 8)
	}
	switch {
	case s.masks && s.tail:
		y := YMM()
		VMOVUPS_Z(m, s.lanesK, y)
		return y
	case s.masks:
		y := YMM()
		VMOVUPS(m, y)
		return y
	case s.tail:
		x := XMM()
		VMASKMOVPS(m, s.lanesMask(4).AsX(), x)
		return x
	}
	x := XMM()
	VMOVUPS(m, x)
	return x
}

func (s *spline) widened(x reg.Register) reg.VecVirtual {
	dst := s.vec()
	if s.stored == 8 {
		s.move(x, dst)
	} else {
		VCVTPS2PD(x, dst)
	}
	return dst
}

// exponentials are e^x for x of at most 0.
func (s *spline) exponentials(x ...reg.VecVirtual) []reg.VecVirtual {
	if s.stored == 4 {
		for i := range x {
			x[i] = s.mul(x[i], s.constant(math.Log2E))
		}
	}
	return s.powersBelow(x...)
}

// powersBelow are 2^t for t of at most 0, right to 2e-12, several at a time: what one waits for does
// not keep the others. For float64 rows they are e^t.
func (s *spline) powersBelow(t ...reg.VecVirtual) []reg.VecVirtual {
	const down = 1
	f, p := make([]reg.VecVirtual, len(t)), make([]reg.VecVirtual, len(t))
	for i := range t {
		if s.stored == 8 {
			p[i] = s.exp(t[i])
			continue
		}
		f[i] = s.vec()
		if s.masks {
			VREDUCEPD(operand.U8(down), t[i], f[i]) // 0 for an infinity
		} else {
			t[i] = s.atLeast(t[i], -1000)
			n := s.vec()
			VROUNDPD(operand.U8(down), t[i], n)
			f[i], t[i] = s.sub(t[i], n), n
		}
	}
	if s.stored == 8 {
		return p
	}
	s.polynomials(p, f, powerSeries)
	for i := range t {
		if s.masks {
			p[i] = s.scale(p[i], t[i]) // by 2 to t rounded down
		} else {
			p[i] = s.mul(p[i], s.powerOfTwo(s.integer(t[i])))
		}
	}
	return p
}

// polynomials sets p to values of one polynomial, coefficient by coefficient.
func (s *spline) polynomials(p, x []reg.VecVirtual, coefficients []float64) {
	for k, c := range coefficients {
		for i := range p {
			if k == 0 {
				p[i] = s.register(s.constant(c))
			} else {
				VFMADD213PD(s.constant(c), x[i], p[i])
			}
		}
	}
}

// powerSeries is 2^f for f from 0 to 1.
var powerSeries = []float64{
	1.8042419482184449e-06, 1.4425733307638367e-05, 0.00015475312742008115, 0.001333014433346689,
	0.009618216769071973, 0.055504097649615114, 0.240226507485049, 0.6931471805558341, 1,
}

// section is a part of what locate finds: init ran, step follows from bin to bin.
type section struct {
	step   func(last bool)
	finish func()
}

// locate goes from bin to bin: where a value is at a bin's lower end or above, that bin
// is what is known of it so far. AVX2 has registers for one section at a time.
func (s *spline) locate() {
	v, one, bin := s.load("at"), s.register(s.constant(1)), s.zero()
	var reached condition
	search := func(low reg.VecVirtual) condition {
		reached = s.compare(greaterEqual, v, low)
		if s.masks {
			VADDPD(one, bin, reached.k, bin)
		} else {
			VADDPD(s.and(reached.y, one), bin, bin)
		}
		return reached
	}
	again := func() func(reg.VecVirtual) condition {
		if s.masks {
			return func(reg.VecVirtual) condition { return reached }
		}
		k := s.register(s.constant(1))
		return func(reg.VecVirtual) condition {
			c := s.compare(lessEqual, k, bin)
			VADDPD(s.register(s.constant(1)), k, k)
			return c
		}
	}
	inits := []func() section{
		func() section { return s.axis(0, search) },
		func() section { return s.axis(1, again()) },
		func() section { return s.ends(again()) },
	}
	if !s.masks {
		for _, init := range inits {
			s.follow(init())
		}
	} else {
		s.follow(inits[0](), inits[1](), inits[2]())
	}
	s.store(bin, "bin")
}

// follow runs sections from the second bin to the last.
func (s *spline) follow(parts ...section) {
	step := func(last bool) {
		for _, p := range parts {
			p.step(last)
		}
	}
	s.times(s.count("bins", 2), func() { step(false) })
	step(true)
	for _, p := range parts {
		p.finish()
	}
}

// axis is the lower end and the size of the value's bin on an axis.
func (s *spline) axis(a int, reached func(low reg.VecVirtual) condition) section {
	share, stride := s.walk(label("shares", a)), s.count("shareStride", 0)
	scale, size := s.load(label("scale", a)), s.vec()
	measure := func() {
		s.broadcast(s.field(label("least", a)), size)
		s.madd(s.loadFrom(at(share, 0), 8), scale, size)
		ADDQ(stride, share)
	}
	measure()
	end := s.sub(s.zero(), s.number("bound"))
	low, chosen := s.register(end), s.register(size)
	return section{
		func(last bool) {
			VADDPD(size, end, end)
			if last {
				s.broadcast(s.field("bound"), size)
				VSUBPD(end, size, size)
			} else {
				measure()
			}
			c := reached(end)
			s.replace(c, end, low)
			s.replace(c, size, chosen)
		},
		func() {
			s.store(low, label("low", a))
			s.store(chosen, label("size", a))
		},
	}
}

// ends are the raw slopes at the knots of the value's bin.
func (s *spline) ends(reached func(low reg.VecVirtual) condition) section {
	raw, stride := s.walk("slopes"), s.count("slopeStride", 0)
	start := s.zero()
	s.given("first", func() { s.move(s.load("first"), start) })
	knot := s.loadFrom(at(raw, 0), s.stored)
	end, next := s.register(knot), s.vec()
	return section{
		func(last bool) {
			if last {
				s.clear(next)
				s.given("last", func() { s.move(s.load("last"), next) })
			} else {
				ADDQ(stride, raw)
				s.move(s.loadFrom(at(raw, 0), s.stored), next)
			}
			c := reached(nil)
			s.replace(c, knot, start)
			s.replace(c, next, end)
			s.move(next, knot)
		},
		func() {
			s.store(start, "start")
			s.store(end, "end")
		},
	}
}
