// Elementary functions. Each follows a textbook reduction; the polynomials for exp and tanh in
// float32 are interpolated at Chebyshev points of the reduced interval, the others are those of
// the Cephes and FreeBSD libraries.

package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// functions writes exp, tanh, sigmoid, log1p and softplus. In float32 the last two compute in float64,
// which costs little where they are used and rounds them correctly.
func functions(set isa) {
	for _, size := range []int{4, 8} {
		for _, f := range []struct {
			name     string
			computed int
			of       func(v *machine, x reg.VecVirtual) reg.VecVirtual
		}{
			{"exp", size, (*machine).exp},
			{"tanh", size, (*machine).tanh},
			{"sigmoid", size, (*machine).sigmoid},
			{"log1p", 8, (*machine).log1p},
			{"softplus", 8, (*machine).softplus},
		} {
			elementwise(set, f.name, size, f.computed, 1, narrow("dst", "src"), nil, nothing, func(l *loop) {
				l.store(f.of(&l.machine, l.load("src")), "dst")
			}, nothing)
		}
	}
}

// exp is e^x = 2^n e^r, n the integer next to x/ln 2 and |r| <= ln(2)/2. The clamps keep n small;
// beyond them lie infinity and zero.
func (v *machine) exp(x reg.VecVirtual) reg.VecVirtual {
	if v.size == 4 {
		x = v.atLeast(v.atMost(x, 89), -104)
	} else {
		x = v.atLeast(v.atMost(x, 710), -746)
	}
	n, p := v.expReduced(x)
	return v.scale(p, n)
}

// expModest is exp for arguments whose result is neither subnormal nor infinite.
func (v *machine) expModest(x reg.VecVirtual) reg.VecVirtual {
	n, p := v.expReduced(x)
	if v.masks {
		return v.scale(p, n)
	}
	return v.mul(p, v.powerOfTwo(v.integer(n)))
}

// expReduced returns n and e^r. ln 2 is subtracted in two parts, the first of which n multiplies
// exactly.
func (v *machine) expReduced(x reg.VecVirtual) (n, p reg.VecVirtual) {
	n = v.round(v.mul(x, v.constant(math.Log2E)))
	high, low := 0.693145751953125, 1.42860682030941723212e-6
	coefficients := []float64{0.00019891124585823478, 0.0013933770447165223, 0.008333310804807224, 0.041666463838651, 0.16666666681744183, 0.5000000013574719}
	if v.size == 8 {
		high, low = 0.6931471675634384, 1.2996506893889889e-08
		coefficients = []float64{
			2.5100515333382707e-08, 2.7620257282985725e-07, 2.755726818666448e-06, 2.4801520940521364e-05,
			0.00019841269863229763, 0.0013888888917442772, 0.008333333333330027, 0.04166666666662367,
			0.16666666666666669, 0.5000000000000001,
		}
	}
	r := v.nmadd(n, v.constant(low), v.nmadd(n, v.constant(high), x))
	q := v.polynomial(r, coefficients...)
	return n, v.add(v.madd(q, v.mul(r, r), r), v.constant(1))
}

// scale is p*2^n for an integral n, rounded once.
func (v *machine) scale(p, n reg.VecVirtual) reg.VecVirtual {
	if v.masks {
		return v.binary(VSCALEFPS, VSCALEFPD, p, n)
	}
	// 2^n itself may be out of range: multiply by two powers, of which the first is exact.
	whole := v.integer(n)
	half, rest := XMM(), XMM()
	if v.size == 4 {
		half, rest = YMM(), YMM()
	}
	VPSRAD(operand.U8(1), whole, half)
	VPSUBD(half, whole, rest)
	return v.mul(v.mul(p, v.powerOfTwo(half)), v.powerOfTwo(rest))
}

// integer is n as 32-bit integers, on AVX2.
func (v *machine) integer(n reg.VecVirtual) reg.VecVirtual {
	if v.size == 4 {
		i := YMM()
		VCVTPS2DQ(n, i)
		return i
	}
	i := XMM()
	VCVTPD2DQY(n, i)
	return i
}

// powerOfTwo is 2^i for 32-bit integers, on AVX2.
func (v *machine) powerOfTwo(i reg.VecVirtual) reg.VecVirtual {
	e := YMM()
	if v.size == 4 {
		VPADDD(v.pattern(127), i, e)
		VPSLLD(operand.U8(23), e, e)
		return e
	}
	VPMOVSXDQ(i, e)
	VPADDQ(v.pattern(1023), e, e)
	VPSLLQ(operand.U8(52), e, e)
	return e
}

// tanh is odd, so it is computed for |x|: below 0.625 as x + x^3 times a polynomial or rational
// function of x^2, above as 1 - 2/(e^2x + 1), which is 1 to the bit from some point on.
func (v *machine) tanh(x reg.VecVirtual) reg.VecVirtual {
	sign, z := v.sign(x), v.abs(x)
	small := v.compare(lessThan, z, v.constant(0.625))
	z2 := v.mul(z, z)
	e := v.atMost(z, 20)
	e = v.add(v.expModest(v.add(e, e)), v.constant(1))
	one := v.register(v.constant(1))
	minusTwo := v.register(v.constant(-2))
	if v.size == 4 {
		near := v.madd(v.mul(z, z2), v.polynomial(z2,
			0.0022918094207610654, -0.008343119638547832, 0.021768666325116613,
			-0.05395922855611955, 0.1333330342585789, -0.33333333171275803), z)
		far := v.add(v.div(minusTwo, e), one)
		return v.or(v.choose(small, near, far), sign)
	}
	// One division serves both: scale + scale*numerator/denominator.
	numerator := v.mul(z2, v.polynomial(z2, -9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3))
	denominator := v.polynomial(z2, 1, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3)
	scale := v.choose(small, z, one)
	quotient := v.div(v.choose(small, numerator, minusTwo), v.choose(small, denominator, e))
	return v.or(v.madd(scale, quotient, scale), sign)
}

// sigmoid is 1/(1+e) for x >= 0 and e/(1+e) for x < 0, e = exp(-|x|), corrected to first order for
// what 1+e lost in rounding.
func (v *machine) sigmoid(x reg.VecVirtual) reg.VecVirtual {
	return v.sigmoidOf(x, v.exp(v.negative(x)))
}

// sigmoidOf is sigmoid, given e.
func (v *machine) sigmoidOf(x, e reg.VecVirtual) reg.VecVirtual {
	below := v.compare(lessThan, x, v.zero())
	one := v.register(v.constant(1))
	d := v.add(e, one)
	lost := v.sub(e, v.sub(d, one))
	q := v.div(v.choose(below, e, one), d)
	return v.nmadd(q, lost, q)
}

// negative is -|x|.
func (v *machine) negative(x reg.VecVirtual) reg.VecVirtual {
	return v.or(x, v.pattern(1<<(8*v.size-1)))
}

// log1p is log(1+x): that of a sum of two numbers, with what is special at and below -1 and at
// infinity put in at the end. float64 only.
func (v *machine) log1p(x reg.VecVirtual) reg.VecVirtual {
	y := v.or(v.abs(v.logOfOnePlus(x)), v.sign(x)) // of the sign of x, -0 included
	infinity := v.register(v.constant(math.Inf(1)))
	y = v.choose(v.compare(equal, x, infinity), infinity, y)
	minusOne := v.register(v.constant(-1))
	y = v.choose(v.compare(equal, x, minusOne), v.register(v.constant(math.Inf(-1))), y)
	return v.choose(v.compare(lessThan, x, minusOne), v.register(v.constant(math.NaN())), y)
}

// logOfOnePlus is log(1+x) for finite x > -1. u = 1+x is split into 2^k m with m about 1, log m is
// a series in s = f/(2+f), f = m-1, and what u lost in rounding returns as a first-order term.
func (v *machine) logOfOnePlus(x reg.VecVirtual) reg.VecVirtual {
	one := v.register(v.constant(1))
	u := v.add(x, one)
	back := v.sub(u, one)
	lost := v.div(v.add(v.sub(one, v.sub(u, back)), v.sub(x, back)), u)
	return v.logOf(u, lost)
}

// logOf is log(u) + lost for normal u.
func (v *machine) logOf(u, lost reg.VecVirtual) reg.VecVirtual {
	k, m := v.split(u)
	f := v.sub(m, v.constant(1))
	s := v.div(f, v.add(f, v.constant(2)))
	z := v.mul(s, s)
	series := v.mul(z, v.polynomial(z,
		1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
		2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01))
	half := v.mul(v.mul(f, f), v.constant(0.5))
	low := v.madd(k, v.constant(1.90821492927058770002e-10), lost)
	low = v.madd(s, v.add(half, series), low)
	rest := v.sub(v.sub(half, low), f)
	return v.sub(v.mul(k, v.constant(6.93147180369123816490e-01)), rest)
}

// split returns k and m with u = 2^k m, m from sqrt(1/2) to sqrt(2).
func (v *machine) split(u reg.VecVirtual) (k, m reg.VecVirtual) {
	// The exponent's bits in the mantissa of 2^52 are 2^52 plus the exponent.
	exponent := v.vec()
	VPSRLQ(operand.U8(52), u, exponent)
	k = v.sub(v.or(exponent, v.constant(1<<52)), v.constant(1<<52+1023))
	m = v.or(v.and(u, v.pattern(1<<52-1)), v.constant(1))
	upper := v.compare(lessThan, v.register(v.constant(math.Sqrt2)), m)
	m = v.choose(upper, v.mul(m, v.constant(0.5)), m)
	k = v.choose(upper, v.add(k, v.constant(1)), k)
	return k, m
}

// softplus is max(x, 0) + log1p(exp(-|x|)). float64 only.
func (v *machine) softplus(x reg.VecVirtual) reg.VecVirtual {
	return v.add(v.logOfOnePlus(v.exp(v.negative(x))), v.notNegative(x))
}
