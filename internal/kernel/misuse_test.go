package kernel

import "testing"

// Misuse panics with a constant message before anything is written.
func TestMisuse(t *testing.T) {
	s := func(n int) []float32 { return make([]float32, n) }
	w := func(n int) []float64 { return make([]float64, n) }
	none := Epilogue[float32]{}
	for name, f := range map[string]func(c []float32){
		"A short":            func(c []float32) { Gemm(2, 2, 2, s(3), 2, 1, s(4), 2, c, 2, none) },
		"A short transposed": func(c []float32) { Gemm(2, 2, 2, s(3), 1, 2, s(4), 2, c, 2, none) },
		"B short":            func(c []float32) { Gemm(2, 2, 2, s(4), 2, 1, s(3), 2, c, 2, none) },
		"C short":            func(c []float32) { Gemm(2, 2, 2, s(4), 2, 1, s(4), 2, c[:3], 2, none) },
		"C overlapping":      func(c []float32) { Gemm(2, 2, 2, s(4), 2, 1, s(4), 2, c, 1, none) },
		"negative m":         func(c []float32) { Gemm(-1, 2, 2, s(4), 2, 1, s(4), 2, c, 2, none) },
		"negative stride":    func(c []float32) { Gemm(2, 2, 2, s(4), -2, 1, s(4), 2, c, 2, none) },
		"bias short":         func(c []float32) { Gemm(2, 2, 2, s(4), 2, 1, s(4), 2, c, 2, Epilogue[float32]{Bias: s(1)}) },
		"gate without aux":   func(c []float32) { Gemm(2, 2, 2, s(4), 2, 1, s(4), 2, c, 2, Epilogue[float32]{Mode: Gate}) },
		"unknown mode":       func(c []float32) { Gemm(2, 2, 2, s(4), 2, 1, s(4), 2, c, 2, Epilogue[float32]{Mode: 9}) },
		"row too high":       func(c []float32) { GemmIndirect(2, 2, 2, s(4), 2, 1, s(4), []int{0, 3}, c, 2, none) },
		"row negative":       func(c []float32) { GemmIndirect(2, 2, 2, s(4), 2, 1, s(4), []int{-1, 2}, c, 2, none) },
		"too few rows":       func(c []float32) { GemmIndirect(2, 2, 2, s(4), 2, 1, s(4), []int{0}, c, 2, none) },
		"indirect A short":   func(c []float32) { GemmIndirect(2, 2, 2, s(3), 2, 1, s(4), []int{0, 2}, c, 2, none) },
		"pack short":         func(c []float32) { Pack(2, 2, s(3), 2, nil) },
		"pack overlapping":   func(c []float32) { Pack(2, 2, s(4), 1, nil) },
		"pack negative":      func(c []float32) { Pack(-1, 2, s(4), 2, nil) },
		"pack bias":          func(c []float32) { Pack(2, 2, s(4), 2, s(1)) },
		"packed y short":     func(c []float32) { p := Pack(5, 2, s(10), 2, nil); p.Apply(c, s(2), false) },
		"packed y long":      func(c []float32) { p := Pack(3, 2, s(6), 2, nil); p.Apply(c, s(2), false) },
		"row sums short":     func(c []float32) { AddRowSums(c, s(7), 2, 2) },
		"row sums overlap":   func(c []float32) { AddRowSums(c, s(99), 2, 3) },
		"packed x":           func(c []float32) { p := Pack(4, 2, s(8), 2, nil); p.Apply(c, s(1), false) },
		"transpose short":    func(c []float32) { Transpose(2, 3, s(6), 3, c, 2) },
		"transpose source":   func(c []float32) { Transpose(2, 2, s(3), 2, c, 2) },
		"Exp":                func(c []float32) { Exp(c, s(3)) },
		"Tanh":               func(c []float32) { Tanh(c, s(5)) },
		"Sigmoid":            func(c []float32) { Sigmoid(c, s(3)) },
		"Log1p":              func(c []float32) { Log1p(c, s(3)) },
		"Softplus":           func(c []float32) { Softplus(c, s(3)) },
		"AddTo":              func(c []float32) { AddTo(c, s(3)) },
		"Mul":                func(c []float32) { Mul(c, s(4), s(3)) },
		"Rectify":            func(c []float32) { Rectify(c, s(3)) },
		"Affine":             func(c []float32) { Affine(c, s(3), 1, 1) },
		"Combine":            func(c []float32) { Combine(c, s(4), s(5), 1, 1, 1) },
		"Widen":              func(c []float32) { Widen(w(3), c) },
		"Narrow":             func(c []float32) { Narrow(c, w(3)) },
		"Dot":                func(c []float32) { Dot(c, s(3)) },
		"Adam":               func(c []float32) { Adam(c, s(4), s(4), s(3), s(4), AdamStep{}) },
		"Adam, before":       func(c []float32) { Adam(c, s(4), s(4), s(4), s(3), AdamStep{}) },
		"AffineForward":      func(c []float32) { AffineForward(c, s(4), s(4), w(4), w(4), w(3)) },
		"AffineInverse":      func(c []float32) { AffineInverse(c, s(4), s(3), w(4), w(4)) },
		"SplineShares": func(c []float32) {
			two := [2]Strided[float64]{{w(8), 4}, {w(8), 4}}
			SplineShares(4, 2, [2]float64{1, 1}, [2]Strided[float32]{{s(8), 4}, {c, 4}}, two, [2][]float64{w(4), w(4)})
		},
		"Spline, rows":   func(c []float32) { (&Spline[float32]{N: 4}).Locate() },
		"Spline, y":      func(c []float32) { p := newSplineCase[float32](newRand(), 5, 3, false); p.Forward(c, s(5), nil) },
		"Spline, logDet": func(c []float32) { p := newSplineCase[float32](newRand(), 4, 3, false); p.Forward(c, s(4), w(3)) },
		"Spline, dx": func(c []float32) {
			p := newSplineCase[float32](newRand(), 5, 3, false)
			p.Backward(c, p.grads, s(5), w(5))
		},
		"Spline, dLogits": func(c []float32) {
			p := newSplineCase[float32](newRand(), 5, 3, false)
			p.grads.Logits[1].Data = c
			p.Backward(s(5), p.grads, s(5), w(5))
		},
		"AffineBackward": func(c []float32) { AffineBackward(c, s(4), w(4), s(4), s(4), w(4), w(5)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := []float32{7, 7, 7, 7}
			defer func() {
				if message, ok := recover().(string); !ok || message == "" {
					t.Error("no panic")
				}
				for _, v := range c {
					if v != 7 {
						t.Error("something was written")
					}
				}
			}()
			f(c)
		})
	}
}

// Products without an inner dimension are their epilogue, and empty ones touch nothing.
func TestEmpty(t *testing.T) {
	c := []float32{1, -2, 3, -4}
	Gemm(0, 2, 2, nil, 2, 1, nil, 2, nil, 2, Epilogue[float32]{})
	Gemm[float32](2, 0, 2, nil, 2, 1, nil, 2, nil, 2, Epilogue[float32]{})
	Gemm(2, 2, 0, nil, 0, 1, nil, 2, c, 2, Epilogue[float32]{Mode: Add})
	if c[0] != 1 || c[3] != -4 {
		t.Errorf("adding nothing gives %v", c)
	}
	Gemm(2, 2, 0, nil, 0, 1, nil, 2, c, 2, Epilogue[float32]{Mode: ReLU, Bias: []float32{5, -5}})
	if c[0] != 5 || c[1] != 5 || c[2] != 0 || c[3] != 0 {
		t.Errorf("the bias alone gives %v", c)
	}
	Exp[float64](nil, nil)
	if Sum[float32](nil) != 0 || !Finite[float64](nil) {
		t.Error("a sum of nothing")
	}
}

func testAllocs[T Float](t *testing.T) {
	rng := newRand()
	a, b, c := normal[T](rng, 4096), normal[T](rng, 4096), normal[T](rng, 4096)
	rows := make([]int, 64)
	far := make([]T, 70*3000)
	packed, long := Pack(120, 30, a, 30, b), Pack(1, len(far), far, len(far), nil)
	calls := map[string]func(){
		"Packed":       func() { packed.Apply(c[:120], a[:30], true) },
		"Packed long":  func() { long.Apply(c[:1], far, false) },
		"Gemm":         func() { Gemm(50, 50, 64, a, 64, 1, b, 50, c, 50, Epilogue[T]{Mode: ReLU, Bias: b}) },
		"Gemm copied":  func() { Gemm(64, 64, 64, far, 1, 3000, far, 3000, c, 64, Epilogue[T]{}) },
		"Gemm vector":  func() { Gemm(50, 1, 64, a, 64, 1, b, 1, c, 1, Epilogue[T]{}) },
		"GemmIndirect": func() { GemmIndirect(50, 50, 64, a, 64, 1, b, rows, c, 50, Epilogue[T]{Mode: Gate, Aux: a}) },
		"Transpose":    func() { Transpose(60, 60, a, 60, c, 60) },
		"on the stack": func() {
			var x [20]T
			Tanh(x[:], x[:])
			Gemm(4, 5, 1, x[:], 1, 1, x[5:], 5, c, 5, Epilogue[T]{Bias: x[:4]})
			_ = Sum(x[:])
		},
	}
	for _, f := range elementaries[T]() {
		calls[f.name] = func() { f.run(c, a) }
	}
	for _, o := range ops[T]() {
		r, w := make([][]T, o.narrow), make([][]float64, o.wide)
		for i := range r {
			r[i] = make([]T, 100)
		}
		for i := range w {
			w[i] = make([]float64, 100)
		}
		calls[o.name] = func() { o.run(r, w) }
	}
	for name, f := range calls {
		if n := testing.AllocsPerRun(20, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestAllocs(t *testing.T) { everywhere(t, testAllocs[float32], testAllocs[float64]) }

func TestChoose(t *testing.T) {
	all := []pathID{portable, avx2, avx512}
	for asked, want := range map[string]pathID{"": avx512, "avx512": avx512, "avx2": avx2, "portable": portable, "neon": avx512, "sse": avx512} {
		if got := choose(asked, all); got != want {
			t.Errorf("asked for %q: %v, want %v", asked, got, want)
		}
	}
	if got := choose("avx512", all[:2]); got != avx2 {
		t.Errorf("asked for more than there is: %v", got)
	}
}
