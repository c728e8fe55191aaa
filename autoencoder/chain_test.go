// Chains of encoders, and the residual of principal components.

package autoencoder

import (
	"errors"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

func TestChain(t *testing.T) {
	x := images[float64](150, 30)
	first := must(NewPCA[float64](PCASpec{In: 30, Embedding: 6}))
	if err := first.Fit(x); err != nil {
		t.Fatal(err)
	}
	then := must(NewPCA[float64](PCASpec{In: 6, Embedding: 2, Whiten: true, Residual: true}))
	if err := then.Fit(must(first.Encode(x))); err != nil {
		t.Fatal(err)
	}
	c := must(NewChain[float64](first, then))
	z := must(c.Encode(x))
	equal(t, "Encode", z, must(then.Encode(must(first.Encode(x)))))
	equal(t, "Decode", must(c.Decode(z)), must(first.Decode(must(then.Decode(z)))))
	if c.Embedding() != 3 {
		t.Errorf("embeddings of %d values, want 3", c.Embedding())
	}
	bad := images[float64](150, 30)
	bad.Row(77)[1] = math.NaN()
	var row *bijector.RowError
	if z, err := c.Encode(bad); !errors.As(err, &row) || row.Row != 77 || !math.IsNaN(z.Row(77)[2]) || z.Row(76)[2] != must(c.Encode(x)).Row(76)[2] {
		t.Errorf("a NaN in row 77: %v", err)
	}
	for name, c := range map[string][2]Encoder[float64]{"no first": {nil, then}, "no second": {first, nil}, "one twice": {first, first}} {
		if c, err := NewChain(c[0], c[1]); !errors.Is(err, bijector.ErrSpec) || c != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	mine := errors.New("mine")
	outside := must(NewChain[float64](outsideEncoder{mine}, then))
	if _, err := outside.Encode(x); !errors.Is(err, mine) {
		t.Errorf("an encoder that fails: %v", err)
	}
	if _, err := outside.Decode(z); !errors.Is(err, ErrNoDecoder) {
		t.Errorf("Decode of a part that cannot: %v", err)
	}
	// An encoder that does not tell its width joins any flow.
	last := must(NewChain[float64](first, outsideEncoder{}))
	if _, err := NewLatent(last, nil, flowOf(2, 0)); err != nil || last.Embedding() != 0 {
		t.Errorf("an encoder without a width: %v", err)
	}
}

// TestResidual: the last value is the logarithm of the distance from the components'
// plane, as small as it may be and whatever the element type.
func TestResidual(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testResidual[float32](t, 2e-3) })
	t.Run("float64", func(t *testing.T) { testResidual[float64](t, 1e-9) })
}

func testResidual[T bijector.Float](t *testing.T, tol float64) {
	x := bijector.NewRows[T](200, 12)
	rng := newRand()
	for i := range 200 { // near a plane through (100, 100, ...)
		a, b := rng.NormFloat64(), rng.NormFloat64()
		for j := range 12 {
			x.Row(i)[j] = T(100 + a*math.Cos(float64(j)) + b*math.Sin(float64(j)) + 0.02*rng.NormFloat64())
		}
	}
	for _, whiten := range []bool{false, true} {
		p := must(NewPCA[T](PCASpec{In: 12, Embedding: 2, Whiten: whiten, Residual: true}))
		if err := p.Fit(x); err != nil {
			t.Fatal(err)
		}
		z := must(p.Encode(x))
		plain := must(NewPCA[T](PCASpec{In: 12, Embedding: 2, Whiten: whiten}))
		if err := plain.Fit(x); err != nil {
			t.Fatal(err)
		}
		scores, back := must(plain.Encode(x)), must(p.Decode(z))
		for i := range 200 {
			if z.Row(i)[0] != scores.Row(i)[0] || z.Row(i)[1] != scores.Row(i)[1] {
				t.Fatalf("row %d has components %v, without a residual %v", i, z.Row(i)[:2], scores.Row(i))
			}
			squares := 1e-10 * p.totalVariance[0]
			for j, v := range back.Row(i) {
				e := float64(x.Row(i)[j]) - float64(v)
				squares += e * e
			}
			if want := math.Log(squares) / 2; math.Abs(float64(z.Row(i)[2])-want) > tol {
				t.Fatalf("row %d has the residual %v, what comes back %v", i, z.Row(i)[2], want)
			}
		}
		if p.Embedding() != 3 || z.Dim() != 3 {
			t.Errorf("embeddings of %d and %d values, want 3", p.Embedding(), z.Dim())
		}
		on := bijector.NewRows[T](1, 3)
		on.Row(0)[0] = 0.5
		if r := must(p.Encode(must(p.Decode(on)))).Row(0)[2]; !(float64(r) < math.Log(1e-3)) || math.IsInf(float64(r), 0) {
			t.Errorf("a row on the plane has the residual %v", r)
		}
	}
}
