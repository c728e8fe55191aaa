package bijouonnx

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/onnx"
)

// exported are an autoencoder of the library and the files of its two halves.
func exported(t testing.TB) (a *autoencoder.Autoencoder[float32], encoder, decoder []byte) {
	t.Helper()
	a = testkit.Must(autoencoder.NewConv[float32](autoencoder.ConvSpec{Height: 8, Width: 8, Channels: []int{3, 4}, Embedding: 5, Bias: true, Seed: 1}))
	var e, d bytes.Buffer
	testkit.Must(0, onnx.ExportEncoder[float32](&e, a))
	testkit.Must(0, onnx.ExportDecoder[float32](&d, a))
	return a, e.Bytes(), d.Bytes()
}

// uniform are rows of values in [0, 1).
func uniform[T bijector.Float](n, d int) *bijector.Rows[T] {
	rng := testkit.NewRand(3)
	return testkit.RowsBy[T](n, d, func(_, _ int) float64 { return rng.Float64() })
}

func near(t testing.TB, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		testkit.Near(t, fmt.Sprint(what, " ", i), float64(got[i]), float64(want[i]), tolerance)
	}
}

// What the library exports comes back with the library's results, whatever the
// number of rows: whole batches, a rest that is filled up, single rows.
func TestExportedModels(t *testing.T) {
	a, encoder, decoder := exported(t)
	e := testkit.Must(OpenEncoder[float32](file(t, "e.onnx", encoder), Options{Batch: 16}))
	d := testkit.Must(OpenDecoder[float32](file(t, "d.onnx", decoder), Options{Batch: 16}))
	if e.Dim() != 64 || e.Embedding() != 5 || d.Dim() != 64 || d.Embedding() != 5 {
		t.Fatalf("%d to %d and %d to %d, want 64 to 5 and back", e.Dim(), e.Embedding(), d.Embedding(), d.Dim())
	}
	for _, n := range []int{1, 2, 13, 16, 33} {
		x := uniform[float32](n, 64)
		z := testkit.Must(e.Encode(x))
		near(t, "embedding", z.Values(), testkit.Must(a.Encode(x)).Values(), 1e-5)
		near(t, "data", testkit.Must(d.Decode(z)).Values(), testkit.Must(a.Decode(z)).Values(), 1e-5)
	}
	x := uniform[float32](3, 64)
	want := testkit.Must(e.Encode(x))
	pictures := tensor.New(tensor.WithShape(3, 1, 8, 8), tensor.WithBacking(x.Values()))
	testkit.Equal(t, "pictures", testkit.Must(e.Encode(pictures)).Values(), want.Values())
	f := testkit.Must(OpenEncoder[float64](file(t, "e.onnx", encoder), Options{Batch: 16}))
	for i, v := range testkit.Must(f.Encode(uniform[float64](3, 64))).Values() {
		testkit.Near(t, "in float64", v, float64(want.Values()[i]), 1e-5)
	}
}

// An inner tensor is an output as well as those that the model names.
func TestInnerTensor(t *testing.T) {
	g := perRow([]nodeOf{one("Tanh", nil, "inside", "x"), one("Exp", nil, "y", "inside")}, nil, []any{2, 3}, 2, 3)
	e := testkit.Must(OpenEncoder[float64](file(t, "m.onnx", g.bytes()), Options{Output: "inside"}))
	x := testkit.Gauss[float64](4, 6, 1)
	for i, v := range testkit.Must(e.Encode(x)).Values() {
		testkit.Near(t, "tanh", v, math.Tanh(x.Values()[i]), 1e-6)
	}
}

// Values are scaled by stretches of a row, such as the channels of a picture.
func TestScaleAndShift(t *testing.T) {
	g := perRow([]nodeOf{one("Identity", nil, "y", "x")}, nil, []any{2, 3}, 2, 3)
	e := testkit.Must(OpenEncoder[float32](file(t, "m.onnx", g.bytes()), Options{Scale: []float64{2, 10}, Shift: []float64{1}}))
	z := testkit.Must(e.Encode(testkit.Rows([]float32{1, 2, 3, 4, 5, 6}, 1, 6)))
	testkit.Equal(t, "scaled", z.Values(), []float32{3, 5, 7, 41, 51, 61})
}

// A row fills several inputs, of integers too, whose lengths the options give
// where they are open.
func TestSeveralInputs(t *testing.T) {
	g := graphOf{
		inputs:  []valueOf{{"ids", int64s, []any{"n", "length"}}, {"mask", float32s, []any{"n", "length"}}},
		outputs: []valueOf{{"y", float32s, []any{"n", "length"}}},
		nodes:   []nodeOf{one("Cast", map[string]any{"to": float32s}, "values", "ids"), one("Mul", nil, "y", "values", "mask")},
	}
	path := file(t, "m.onnx", g.bytes())
	inputs := []Input{{"mask", []int{3}}, {"ids", []int{3}}}
	e := testkit.Must(OpenEncoder[float32](path, Options{Inputs: inputs}))
	z := testkit.Must(e.Encode(testkit.Rows([]float32{1, 0.5, 0, 7, 8, 9}, 1, 6)))
	testkit.Equal(t, "product", z.Values(), []float32{7, 4, 0})
	if _, err := e.Encode(testkit.Rows([]float32{1, 1, 1, 7, 8.5, 9}, 1, 6)); !errors.Is(err, bijector.ErrDType) {
		t.Errorf("an id of 8.5: %v, want ErrDType", err)
	}
	if _, err := e.Encode(testkit.Rows([]float32{1, 1, 1, 7, 1e19, 9}, 1, 6)); !errors.Is(err, bijector.ErrDType) {
		t.Errorf("an id of 1e19: %v, want ErrDType", err)
	}
	for _, n := range []int{2, 4} {
		if _, err := e.Encode(bijector.NewRows[float32](1, 2*n)); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("a text of %d ids: %v, want ErrShape", n, err)
		}
	}
}

// A model of a fixed batch is run with rows of zeros behind the last.
func TestFixedBatch(t *testing.T) {
	g := graphOf{
		inputs:  []valueOf{{"x", float32s, []any{4, 3}}},
		outputs: []valueOf{{"y", float32s, []any{4, 3}}},
		nodes:   []nodeOf{one("Tanh", nil, "y", "x")},
	}
	path := file(t, "m.onnx", g.bytes())
	e := testkit.Must(OpenEncoder[float64](path, Options{}))
	x := testkit.Gauss[float64](6, 3, 1)
	for i, v := range testkit.Must(e.Encode(x)).Values() {
		testkit.Near(t, "tanh", v, math.Tanh(x.Values()[i]), 1e-6)
	}
	if _, err := OpenEncoder[float64](path, Options{Batch: 5}); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("batches of 5: %v, want ErrShape", err)
	}
}

// Rows that are not finite, or have no finite result, are named; the others
// are what they are without them.
func TestRowsThatAreNotFinite(t *testing.T) {
	g := perRow([]nodeOf{one("Sqrt", nil, "y", "x")}, nil, []any{2}, 2)
	e := testkit.Must(OpenEncoder[float32](file(t, "m.onnx", g.bytes()), Options{Batch: 4}))
	x := testkit.RowsBy[float32](11, 2, func(i, j int) float64 { return float64(i + j + 1) })
	want := testkit.Must(e.Encode(x))
	x.Row(3)[1], x.Row(9)[0] = float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		what       string
		first, all int
	}{{"input", 3, 2}, {"result", 5, 1}} {
		z, err := e.Encode(x)
		var bad *bijector.RowError
		if !errors.As(err, &bad) || bad.What != c.what || bad.Row != c.first || bad.Count != c.all || bad.N != 11 {
			t.Fatalf("%v, want %d rows of %s from row %d", err, c.all, c.what, c.first)
		}
		for i := range x.Len() {
			broken := i == 3 && c.what == "input" || i == 9 && c.what == "input" || i == 5 && c.what == "result"
			for j, v := range z.Row(i) {
				if broken != math.IsNaN(float64(v)) || !broken && math.Abs(float64(v-want.Row(i)[j])) > 1e-6 {
					t.Errorf("%s, row %d: %v, want %v", c.what, i, z.Row(i), want.Row(i))
				}
			}
		}
		x.Row(3)[1], x.Row(9)[0], x.Row(5)[0] = 5, 10, -1
	}
}

// Many goroutines get what one gets.
func TestGoroutines(t *testing.T) {
	_, encoder, _ := exported(t)
	e := testkit.Must(OpenEncoder[float32](file(t, "e.onnx", encoder), Options{Batch: 4}))
	x := uniform[float32](9, 64)
	want := testkit.Must(e.Encode(x))
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 4 {
				z, err := e.Encode(x)
				if err != nil {
					t.Error(err)
					return
				}
				near(t, "embedding", z.Values(), want.Values(), 1e-6)
			}
		}()
	}
	wg.Wait()
}
