// Loops over rows: arithmetic, conversions, the Adam step, the affine coupling. Multiply and add
// round separately, as in portable Go.

package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rows writes everything that is neither a product nor an elementary function.
func rows(set isa) {
	for _, size := range []int{4, 8} {
		arithmetic(set, size)
		coupling(set, size)
		reductions(set, size)
		addRowSums(set, size)
	}
	elementwise(set, "widen", 4, 8, 1, append(wide("dst"), narrow("src")...), nil, nothing, func(l *loop) {
		l.store(l.load("src"), "dst")
	}, nothing)
	elementwise(set, "narrow", 4, 8, 1, append(narrow("dst"), wide("src")...), nil, nothing, func(l *loop) {
		l.store(l.load("src"), "dst")
	}, nothing)
	if !set.masks {
		transpose(4)
		transpose(8)
	}
}

func arithmetic(set isa, size int) {
	write := func(name string, rows []row, scalars []string, body func(l *loop)) {
		elementwise(set, name, size, size, 1, rows, scalars, nothing, body, nothing)
	}
	write("addTo", narrow("dst", "src"), nil, func(l *loop) {
		l.store(l.add(l.load("dst"), l.load("src")), "dst")
	})
	write("scale", narrow("dst"), []string{"a"}, func(l *loop) {
		l.store(l.mul(l.load("dst"), l.scalar["a"]), "dst")
	})
	write("mul", narrow("dst", "x", "y"), nil, func(l *loop) {
		l.store(l.mul(l.load("x"), l.load("y")), "dst")
	})
	write("rectify", narrow("dst", "x"), nil, func(l *loop) {
		l.store(l.notNegative(l.load("x")), "dst")
	})
	write("affine", narrow("dst", "x"), []string{"a", "b"}, func(l *loop) {
		l.store(l.add(l.mul(l.load("x"), l.scalar["a"]), l.scalar["b"]), "dst")
	})
	write("combine", narrow("dst", "x", "y"), []string{"a", "b", "c"}, func(l *loop) {
		sum := l.add(l.mul(l.load("x"), l.scalar["a"]), l.mul(l.load("y"), l.scalar["b"]))
		l.store(l.add(sum, l.scalar["c"]), "dst")
	})
	// a1 and a2 are 1-b1 and 1-b2.
	write("adam", narrow("p", "grad", "m", "v", "before"), []string{"scale", "b1", "a1", "b2", "a2", "l2", "decay", "rate", "inv", "eps"}, func(l *loop) {
		p := l.load("p")
		g := l.mul(l.load("grad"), l.scalar["scale"])
		l.store(p, "before")
		g = l.add(g, l.mul(p, l.scalar["l2"]))
		m := l.add(l.mul(l.load("m"), l.scalar["b1"]), l.mul(g, l.scalar["a1"]))
		l.store(m, "m")
		v := l.add(l.mul(l.load("v"), l.scalar["b2"]), l.mul(l.mul(g, g), l.scalar["a2"]))
		l.store(v, "v")
		root := l.add(l.mul(l.sqrt(v), l.scalar["inv"]), l.scalar["eps"])
		p = l.sub(p, l.mul(p, l.scalar["decay"]))
		l.store(l.sub(p, l.mul(l.div(m, root), l.scalar["rate"])), "p")
	})
}

func coupling(set isa, size int) {
	write := func(name string, rows []row, body func(l *loop)) {
		elementwise(set, name, size, 8, 1, rows, nil, nothing, body, nothing)
	}
	write("affineForward", append(narrow("y", "x", "t"), wide("e", "s", "logDet")...), func(l *loop) {
		s := l.load("s")
		logDet := l.add(l.load("logDet"), s)
		x, t := l.load("x"), l.load("t")
		e := l.exp(s)
		l.store(l.add(l.mul(x, e), t), "y")
		l.store(logDet, "logDet")
		l.store(e, "e")
	})
	write("affineInverse", append(narrow("x", "y", "t"), wide("s", "logDet")...), func(l *loop) {
		s := l.load("s")
		logDet := l.sub(l.load("logDet"), s)
		moved := l.sub(l.load("y"), l.load("t"))
		flipped := l.binary(VXORPS, VXORPD, s, l.pattern(1<<63))
		l.store(l.mul(moved, l.exp(flipped)), "x")
		l.store(logDet, "logDet")
	})
	write("tanhAffineForward", append(narrow("y", "x", "t", "r", "a"), wide("kept", "e", "logDet")...), func(l *loop) {
		kept := l.tanh(l.load("r"))
		l.store(kept, "kept")
		s := l.mul(kept, l.load("a"))
		logDet := l.add(l.load("logDet"), s)
		x, t := l.load("x"), l.load("t")
		e := l.exp(s)
		l.store(l.add(l.mul(x, e), t), "y")
		l.store(logDet, "logDet")
		l.store(e, "e")
	})
	write("tanhAffineInverse", append(narrow("x", "y", "t", "r", "a"), wide("logDet")...), func(l *loop) {
		s := l.mul(l.tanh(l.load("r")), l.load("a"))
		logDet := l.sub(l.load("logDet"), s)
		moved := l.sub(l.load("y"), l.load("t"))
		flipped := l.binary(VXORPS, VXORPD, s, l.pattern(1<<63))
		l.store(l.mul(moved, l.exp(flipped)), "x")
		l.store(logDet, "logDet")
	})
	write("tanhAffineBackward", append(narrow("dx", "dt", "dr", "da", "dy", "x", "a"), wide("kept", "e", "dLogDet")...), func(l *loop) {
		dy := l.load("dy")
		scaled := l.mul(dy, l.load("e"))
		ds := l.add(l.mul(scaled, l.load("x")), l.load("dLogDet"))
		kept, a := l.load("kept"), l.load("a")
		one := l.register(l.constant(1))
		slope := l.mul(l.sub(one, kept), l.add(one, kept))
		l.store(dy, "dt")
		l.store(scaled, "dx")
		l.store(l.mul(ds, kept), "da")
		l.store(l.mul(l.mul(ds, a), slope), "dr")
	})
	write("affineBackward", append(append(narrow("dx", "dt"), wide("ds")...), append(narrow("dy", "x"), wide("e", "dLogDet")...)...), func(l *loop) {
		dy := l.load("dy")
		scaled := l.mul(dy, l.load("e"))
		ds := l.add(l.mul(scaled, l.load("x")), l.load("dLogDet"))
		l.store(ds, "ds")
		l.store(dy, "dt")
		l.store(scaled, "dx")
	})
}

// reductions add up in eight lanes of float64, which lie in memory between calls.
func reductions(set isa, size int) {
	parts := 64 / set.bytes // vectors that hold eight lanes
	write := func(name string, rows []row, scalars []string, term func(l *loop) reg.VecVirtual) {
		var acc []reg.VecVirtual
		elementwise(set, name, size, 8, parts, append(wide("lanes"), rows...), scalars, func(l *loop) {
			for i := 0; i < parts; i++ {
				acc = append(acc, l.register(at(l.pointer["lanes"], i*l.bytes)))
			}
		}, func(l *loop) {
			VADDPD(term(l), acc[l.part], acc[l.part])
		}, func(l *loop) {
			for i, r := range acc {
				l.move(r, at(l.pointer["lanes"], i*l.bytes))
			}
		})
	}
	write("sum", narrow("x"), nil, func(l *loop) reg.VecVirtual { return l.load("x") })
	write("dot", narrow("x", "y"), nil, func(l *loop) reg.VecVirtual { return l.mul(l.load("x"), l.load("y")) })
	write("sumSquares", narrow("x"), []string{"about"}, func(l *loop) reg.VecVirtual {
		d := l.clip(l.sub(l.load("x"), l.scalar["about"]))
		return l.mul(d, d)
	})

	// x-x is zero for a finite x and NaN for any other; the union of the bits is NaN if one is.
	var seen reg.VecVirtual
	elementwise(set, "finite", size, size, 1, narrow("x"), nil, func(l *loop) {
		seen = l.zero()
	}, func(l *loop) {
		x := l.load("x")
		l.pick(VORPS, VORPD, l.sub(x, x), seen, seen)
	}, func(l *loop) {
		unfit := l.compare(unordered, seen, seen)
		result := GP64()
		if l.masks {
			KMOVW(unfit.k, result.As32())
		} else {
			VMOVMSKPS(unfit.y, result.As32())
		}
		Store(result, ReturnIndex(0))
	})
}

// transpose writes blocks of 8x8 float32 or 4x4 float64, one below the other.
func transpose(size int) {
	v := machine{avx2, size}
	TEXT("transpose"+v.suffix(), NOSPLIT, "func(blocks int, src *"+v.goType()+", lds int, dst *"+v.goType()+", ldd int)")
	Pragma("noescape")
	Doc("transpose" + v.suffix() + " transposes square blocks of 32 bytes a side; strides are in bytes.")
	blocks, src, lds, dst, ldd := GP64(), GP64(), GP64(), GP64(), GP64()
	Load(Param("blocks"), blocks)
	Load(Param("src"), src)
	Load(Param("lds"), lds)
	Load(Param("dst"), dst)
	Load(Param("ldd"), ldd)
	lds3, ldd3 := GP64(), GP64()
	LEAQ(indexed(lds, lds, 2, 0), lds3)
	LEAQ(indexed(ldd, ldd, 2, 0), ldd3)
	side := v.lanes()
	line := func(base, base4, stride, stride3 reg.Register, i int) operand.Mem {
		if i >= 4 {
			base = base4
		}
		switch i % 4 {
		case 0:
			return at(base, 0)
		case 3:
			return indexed(base, stride3, 1, 0)
		}
		return indexed(base, stride, i%4, 0)
	}
	Label("block")
	src4, dst4 := GP64(), GP64()
	LEAQ(indexed(src, lds, 4, 0), src4)
	LEAQ(indexed(dst, ldd, 4, 0), dst4)
	in := make([]reg.VecVirtual, side)
	for i := range in {
		in[i] = v.register(line(src, src4, lds, lds3, i))
	}
	pair := func(f func(...operand.Op), a, b reg.VecVirtual) reg.VecVirtual {
		dst := YMM()
		f(b, a, dst)
		return dst
	}
	half := func(selector uint8, a, b reg.VecVirtual) reg.VecVirtual {
		dst := YMM()
		VPERM2F128(operand.U8(selector), b, a, dst)
		return dst
	}
	if size == 4 { // interleave elements of two rows, then pairs of four
		var mixed [8]reg.VecVirtual
		for i := 0; i < 8; i += 4 {
			a, b := pair(VUNPCKLPS, in[i], in[i+1]), pair(VUNPCKHPS, in[i], in[i+1])
			c, d := pair(VUNPCKLPS, in[i+2], in[i+3]), pair(VUNPCKHPS, in[i+2], in[i+3])
			mixed[i], mixed[i+1] = pair(VUNPCKLPD, a, c), pair(VUNPCKHPD, a, c)
			mixed[i+2], mixed[i+3] = pair(VUNPCKLPD, b, d), pair(VUNPCKHPD, b, d)
		}
		copy(in, mixed[:])
	} else {
		a, b := pair(VUNPCKLPD, in[0], in[1]), pair(VUNPCKHPD, in[0], in[1])
		c, d := pair(VUNPCKLPD, in[2], in[3]), pair(VUNPCKHPD, in[2], in[3])
		in = []reg.VecVirtual{a, b, c, d}
	}
	for i := 0; i < side/2; i++ {
		VMOVUPS(half(0x20, in[i], in[i+side/2]), line(dst, dst4, ldd, ldd3, i))
		VMOVUPS(half(0x31, in[i], in[i+side/2]), line(dst, dst4, ldd, ldd3, i+side/2))
	}
	ADDQ(imm(32), dst)
	if size == 4 {
		LEAQ(indexed(src, lds, 8, 0), src)
	} else {
		LEAQ(indexed(src, lds, 4, 0), src)
	}
	DECQ(blocks)
	goTo(JNE, "block")
	VZEROUPPER()
	RET()
}
