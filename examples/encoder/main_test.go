// The encoder keeps its contract, and the flow on it learns.

package main

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"draws: (1000, 64)", "0.62 of the waves, 0.6", "than the first: true"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output without %q:\n%s", want, out.String())
		}
	}
}

// Decoding undoes encoding, and a row that is not finite spares the others.
func TestHarmonics(t *testing.T) {
	x := waves(rand.New(rand.NewPCG(3, 4)), 5)
	x.Row(2)[7] = float32(math.NaN())
	z, err := harmonics{}.Encode(x)
	var bad *bijector.RowError
	if !errors.As(err, &bad) || bad.Row != 2 || bad.Count != 1 {
		t.Fatalf("%v, want a RowError for row 2", err)
	}
	clear(z.Row(2))
	y, err := harmonics{}.Decode(z)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 3, 4} {
		for j, v := range y.Row(i) {
			if math.Abs(float64(v-x.Row(i)[j])) > 1e-4 {
				t.Fatalf("row %d, value %d: %v, want %v", i, j, v, x.Row(i)[j])
			}
		}
	}
	if _, err := (harmonics{}).Encode(z); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("rows of another width: %v", err)
	}
}
