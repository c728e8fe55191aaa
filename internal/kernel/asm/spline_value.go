// Rational-quadratic splines within their bins: slopes, values, gradients.

package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// slopes is minSlope + softplus(raw + offset) and its derivative, at both ends.
func (s *spline) slopes() {
	for _, end := range []struct{ slope, factor, fixed string }{{"start", "startFactor", "fixedFirst"}, {"end", "endFactor", "fixedLast"}} {
		raw := s.load(end.slope)
		most := s.number("maxRaw")
		clipped := s.compare(lessThan, most, raw)
		u := s.add(s.binary(VMINPS, VMINPD, most, raw), s.number("offset"))
		e := s.exponentials(s.negative(u))[0]
		softplus, sigmoid := s.logistic(u, e)
		fixed := s.compare(equal, s.load("bin"), s.number(end.fixed))
		one, zero := s.register(s.constant(1)), s.zero()
		s.replace(clipped, zero, sigmoid)
		s.replace(fixed, zero, sigmoid)
		s.store(sigmoid, end.factor)
		slope := s.add(softplus, s.number("minSlope"))
		s.replace(fixed, one, slope)
		s.store(slope, end.slope)
	}
}

// logistic is softplus(u) and its derivative, e = exp(-|u|).
func (s *spline) logistic(u, e reg.VecVirtual) (softplus, sigmoid reg.VecVirtual) {
	if s.stored == 8 {
		sigmoid = s.sigmoidOf(u, e)
		return s.add(s.logOfOnePlus(e), s.notNegative(u)), sigmoid
	}
	// log(1+e) = 2 atanh(e/(2+e)), which one division serves beside 1/(1+e).
	one := s.register(s.constant(1))
	a, b := s.add(e, one), s.add(e, s.constant(2))
	inverse := s.div(one, s.mul(a, b))
	ratio := s.mul(s.mul(e, a), inverse)
	z := s.mul(ratio, ratio)
	series := s.polynomial(z, areaSeries...)
	numerator := s.choose(s.compare(lessThan, u, s.zero()), e, one)
	return s.madd(ratio, series, s.notNegative(u)), s.mul(s.mul(numerator, b), inverse)
}

// areaSeries is 2 atanh(r)/r in r^2, for r up to 1/3.
var areaSeries = []float64{
	0.2186056831430696, 0.1712253666729019, 0.22305127385582954, 0.2856814575820109,
	0.4000006142120794, 0.6666666623792175, 2.000000000004866,
}

// log is log(x) for normal x, and NaN for NaN.
func (s *spline) log(x reg.VecVirtual) reg.VecVirtual {
	lost := s.sub(x, x)
	if s.stored == 8 {
		return s.logOf(x, lost)
	}
	k, m := s.split(x)
	f := s.sub(m, s.constant(1))
	ratio := s.div(f, s.add(f, s.constant(2)))
	z := s.mul(ratio, ratio)
	series := s.polynomial(z, logSeries...)
	return s.madd(k, s.constant(6.93147180559945286227e-01), s.madd(ratio, series, lost))
}

// logSeries is 2 atanh(r)/r in r^2, for r up to that of sqrt(2).
var logSeries = []float64{0.23616359099145984, 0.2853505103781631, 0.4000038467237519, 0.6666666524748752, 2.0000000000083595}

// inBin is where v is in its bin, and the bin: see kernel.SplineBin. inverseWidth is 1/w.
type inBin struct{ q, u, t, s, d0, d1, inverseWidth reg.VecVirtual }

func (s *spline) inBin(v reg.VecVirtual) (b inBin) {
	one, w := s.register(s.constant(1)), s.load("size0")
	b.inverseWidth = s.div(one, w)
	from := s.sub(v, s.load("low0"))
	q := s.mul(from, b.inverseWidth)
	q = s.madd(s.nmadd(q, w, from), b.inverseWidth, q) // rounded as a quotient, so that the end of a bin is 1
	b.q = s.within(q, s.zero(), one)
	b.u = s.sub(one, b.q)
	b.t = s.mul(b.q, b.u)
	b.s = s.mul(s.load("size1"), b.inverseWidth)
	b.d0, b.d1 = s.load("start"), s.load("end")
	return b
}

// eval is kernel.SplineBin's Eval.
func (s *spline) eval(b inBin) (num, den, inner reg.VecVirtual) {
	st := s.mul(b.s, b.t)
	den = s.nmadd(st, s.constant(2), s.madd(s.add(b.d0, b.d1), b.t, s.register(b.s)))
	sq := s.mul(b.s, b.q)
	num = s.madd(sq, b.q, s.mul(b.d0, b.t))
	dq, du := s.mul(b.d1, b.q), s.mul(b.d0, b.u)
	inner = s.madd(du, b.u, s.madd(dq, b.q, s.add(st, st)))
	return num, den, inner
}

// forward is the spline's value, and the logarithm of its slope.
func (s *spline) forward() {
	v := s.load("at")
	b := s.inBin(v)
	num, den, inner := s.eval(b)
	inverse := s.div(s.register(s.constant(1)), den)
	rise := s.mul(s.load("size1"), s.mul(num, inverse))
	y := s.add(s.load("low1"), rise)
	edge := s.number("edge")
	y = s.within(y, s.sub(s.zero(), edge), edge)
	size := s.abs(v)
	s.replace(s.compare(lessEqual, edge, size), s.or(edge, s.sign(v)), y)
	outside := s.compare(lessThan, s.number("bound"), size)
	s.replace(outside, s.load("x"), y)
	m := s.mul(b.s, inverse)
	slope := s.mul(s.mul(m, m), inner)
	s.store(y, "y")
	s.given("logDet", func() {
		log := s.log(slope)
		s.replace(outside, s.zero(), log)
		s.store(s.add(s.load("logDet"), log), "logDet")
	})
}

// kept is a vector that is needed later: in a register, or on AVX2, which has few, in
// the stack's frame.
type kept struct {
	r reg.VecVirtual
	m operand.Mem
}

func (s *spline) keep(x reg.VecVirtual) kept {
	if s.masks {
		return kept{r: x}
	}
	m := AllocLocal(s.machine.bytes)
	s.move(x, m)
	return kept{m: m}
}

func (s *spline) get(k kept) reg.VecVirtual {
	if s.masks {
		return k.r
	}
	return s.register(k.m)
}

// backward is the adjoint; kernel.SplineBin's Partials has the same in Go.
func (s *spline) backward() {
	v, bound := s.load("at"), s.number("bound")
	outside := s.compare(lessThan, bound, s.abs(v))
	b := s.inBin(s.within(v, s.sub(s.zero(), bound), bound)) // nothing infinite
	gated := func(row string) reg.VecVirtual {               // what is outside has no gradients but dx
		g := s.load(row)
		s.replace(outside, s.zero(), g)
		return g
	}
	gKept, lKept := s.keep(gated("y")), s.keep(gated("logDet"))
	qKept, uKept, tKept, sKept, wKept := s.keep(b.q), s.keep(b.u), s.keep(b.t), s.keep(b.s), s.keep(b.inverseWidth)
	num, den, inner := s.eval(b)
	h := s.load("size1")
	dh := s.mul(den, h)
	all := s.div(s.register(s.constant(1)), s.mul(dh, inner))
	invD := s.mul(s.mul(inner, h), all)
	invE := s.mul(dh, all)
	invS := s.keep(s.mul(s.mul(s.mul(den, inner), all), s.load("size0")))
	m := s.mul(b.s, invD)
	slope := s.keep(s.mul(s.mul(m, m), inner))
	nKept, dKept, eKept := s.keep(s.mul(num, invD)), s.keep(invD), s.keep(invE)

	// dq.
	turn := s.sub(s.get(uKept), s.get(qKept)) // 1 - 2q
	mean := s.get(sKept)
	d0, d1 := s.load("start"), s.load("end")
	first := s.madd(d1, s.get(qKept), s.mul(mean, turn))
	first = s.mul(s.nmadd(d0, s.get(uKept), first), s.get(eKept))
	bend := s.sub(s.add(d0, d1), s.add(mean, mean))
	first = s.nmadd(s.mul(bend, turn), s.get(dKept), first)
	l2 := s.get(lKept)
	l2 = s.add(l2, l2)
	dqKept := s.keep(s.madd(s.mul(s.get(gKept), s.load("size0")), s.get(slope), s.mul(l2, first)))

	// ds.
	t, d := s.get(tKept), s.get(dKept)
	most := s.sub(s.register(s.constant(1)), s.add(t, t)) // 1 - 2t
	gh := s.mul(s.get(gKept), s.load("size1"))
	q := s.get(qKept)
	height := s.mul(s.nmadd(most, s.get(nKept), s.mul(q, q)), d)
	slopes := s.nmadd(most, d, s.madd(t, s.get(eKept), s.register(s.get(invS))))
	dsKept := s.keep(s.madd(gh, height, s.mul(l2, slopes)))

	// dd0 and dd1, times their factors.
	t, d = s.get(tKept), s.get(dKept)
	ght := s.mul(gh, t)
	ghtn := s.mul(ght, s.get(nKept))
	lt := s.mul(l2, t)
	le := s.mul(s.get(lKept), s.get(eKept))
	u := s.get(uKept)
	dd0 := s.madd(s.sub(s.sub(ght, ghtn), lt), d, s.mul(s.mul(u, u), le))
	dStart := s.keep(s.mul(dd0, s.load("startFactor")))
	dd1 := s.nmadd(s.add(ghtn, lt), d, s.mul(s.mul(q, q), le))
	dEnd := s.keep(s.mul(dd1, s.load("endFactor")))

	// The bin's lower ends and sizes.
	invW, ds := s.get(wKept), s.get(dsKept)
	dx := s.mul(s.get(dqKept), invW)
	rest := s.mul(s.madd(s.get(sKept), ds, s.mul(s.get(qKept), s.get(dqKept))), invW)
	dHeight := s.keep(s.madd(ds, invW, s.mul(s.get(gKept), s.get(nKept))))
	x := s.spread(0, s.sub(s.zero(), dx), s.sub(s.zero(), rest))
	if s.masks {
		s.replace(outside, s.load("y"), dx)
	} else {
		s.replace(s.compare(lessThan, s.number("bound"), s.abs(s.load("at"))), s.load("y"), dx)
	}
	s.store(dx, "x")
	y := s.spread(1, s.get(gKept), s.get(dHeight))
	s.hand(x, y)
	s.handSlopes(dStart, dEnd)
}

// spread is kernel.Spline's.
func (s *spline) spread(a int, dLow, dSize reg.VecVirtual) (r [3]kept) {
	bin, least := s.load("bin"), s.number(label("least", a))
	below := s.nmadd(bin, least, s.add(s.load(label("low", a)), s.number("bound")))
	mean := s.madd(dSize, s.sub(s.load(label("size", a)), least), s.mul(dLow, below))
	mean = s.div(mean, s.number(label("free", a)))
	scale := s.load(label("scale", a))
	r[0] = s.keep(s.mul(scale, s.sub(dLow, mean)))
	r[1] = s.keep(s.mul(scale, s.sub(dSize, mean)))
	r[2] = s.keep(s.mul(scale, s.sub(s.zero(), mean)))
	return r
}

// hand writes the gradients of the logits of both axes: below the bin, in it, above it.
func (s *spline) hand(axes ...[3]kept) {
	bin, k, one := s.load("bin"), s.zero(), s.register(s.constant(1))
	var values [2][3]reg.VecVirtual
	var from, to [2]reg.GPVirtual
	for a := range axes {
		for i, v := range axes[a] {
			values[a][i] = s.get(v)
		}
		from[a], to[a] = s.walk(label("shares", a)), s.walk(label("dLogits", a))
	}
	fromStride, toStride := s.count("shareStride", 0), s.count("dLogitStride", 0)
	s.times(s.count("bins", 0), func() {
		below, inside := s.compare(lessThan, k, bin), s.compare(equal, k, bin)
		for a := range axes {
			g := s.register(values[a][2])
			s.replace(below, values[a][0], g)
			s.replace(inside, values[a][1], g)
			s.storeTo(s.mul(g, s.loadFrom(at(from[a], 0), 8)), at(to[a], 0), s.stored)
			ADDQ(fromStride, from[a])
			ADDQ(toStride, to[a])
		}
		VADDPD(one, k, k)
	})
}

// handSlopes writes the gradients of raw slopes: 0 at all knots but the bin's.
func (s *spline) handSlopes(dStart, dEnd kept) {
	bin, k, one := s.load("bin"), s.zero(), s.register(s.constant(1))
	starts, ends := s.get(dStart), s.get(dEnd)
	to, stride := s.walk("dSlopes"), s.count("dSlopeStride", 0)
	g := s.zero()
	s.given("dFirst", func() {
		first := s.zero()
		s.replace(s.compare(equal, k, bin), starts, first)
		s.store(first, "dFirst")
	})
	s.times(s.count("bins", 1), func() {
		s.clear(g)
		s.replace(s.compare(equal, k, bin), ends, g)
		VADDPD(one, k, k)
		s.replace(s.compare(equal, k, bin), starts, g)
		s.storeTo(g, at(to, 0), s.stored)
		ADDQ(stride, to)
	})
	s.given("dLast", func() {
		last := s.zero()
		s.replace(s.compare(equal, k, bin), ends, last)
		s.store(last, "dLast")
	})
}
