package bijouonnx

import (
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// withONNXRuntime runs f with ONNX Runtime, whose shared library the environment
// names; the script check beside this test does that.
func withONNXRuntime(t *testing.T, f func()) {
	t.Helper()
	path := os.Getenv("BIJOU_ONNXRUNTIME")
	if path == "" {
		t.Skip("BIJOU_ONNXRUNTIME does not name the library")
	}
	testkit.Must(0, UseONNXRuntime(path))
	defer func() { testkit.Must(0, UseONNXRuntime("")) }()
	f()
}

// bothAgree compares gomlx with ONNX Runtime.
func bothAgree(t *testing.T, what string, raw []byte, o Options, x func(d int) *bijector.Rows[float32]) {
	t.Helper()
	path := file(t, "m.onnx", raw)
	e, err := OpenEncoder[float32](path, o)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	got := testkit.Must(e.Encode(x(e.Dim())))
	withONNXRuntime(t, func() {
		e, err := OpenEncoder[float32](path, o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, ok := e.m.session.(*goSession); ok {
			t.Fatalf("%s: ONNX Runtime was not used", what)
		}
		want := testkit.Must(e.Encode(x(e.Dim())))
		worst := 0.0
		for i, w := range want.Values() {
			worst = max(worst, math.Abs(float64(got.Values()[i]-w))/max(1, math.Abs(float64(w))))
		}
		if t.Logf("%-40s %.1e", what, worst); !(worst <= 1e-4) {
			t.Errorf("%s: a relative difference of %.1e, want 1e-4 at most", what, worst)
		}
	})
}

func TestAgainstONNXRuntime(t *testing.T) {
	for _, c := range operatorCases() {
		bothAgree(t, c.name, c.graph.bytes(), Options{Batch: 4}, func(d int) *bijector.Rows[float32] { return testkit.Gauss[float32](7, d, 1) })
	}
	_, encoder, decoder := exported(t)
	pictures := func(d int) *bijector.Rows[float32] { return uniform[float32](7, d) }
	bothAgree(t, "encoder of the library", encoder, Options{}, pictures)
	bothAgree(t, "decoder of the library", decoder, Options{}, pictures)
	inner := perRow([]nodeOf{one("Tanh", nil, "inside", "x"), one("Exp", nil, "y", "inside")}, nil, []any{3}, 3)
	bothAgree(t, "inner tensor", inner.bytes(), Options{Output: "inside"}, pictures)
}

// BIJOU_ONNX names a file to compare on, BIJOU_ONNX_OUTPUT a tensor in it: for
// networks that are not ours to ship. Its rows are whole numbers up to 255.
func TestFileAgainstONNXRuntime(t *testing.T) {
	path := os.Getenv("BIJOU_ONNX")
	if path == "" {
		t.Skip("BIJOU_ONNX names no file")
	}
	raw := testkit.Must(os.ReadFile(path))
	bothAgree(t, path, raw, Options{Output: os.Getenv("BIJOU_ONNX_OUTPUT"), Batch: 8}, func(d int) *bijector.Rows[float32] {
		rng := testkit.NewRand(1)
		return testkit.RowsBy[float32](16, d, func(_, _ int) float64 { return float64(rng.IntN(256)) })
	})
}

// ONNX Runtime is called by many goroutines, and its errors are errors.
func TestONNXRuntime(t *testing.T) {
	withONNXRuntime(t, func() {
		a, encoder, _ := exported(t)
		e := testkit.Must(OpenEncoder[float32](file(t, "e.onnx", encoder), Options{Batch: 4}))
		x := uniform[float32](9, 64)
		want := testkit.Must(a.Encode(x))
		var wg sync.WaitGroup
		for range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 20 {
					near(t, "embedding", testkit.Must(e.Encode(x)).Values(), want.Values(), 1e-5)
				}
			}()
		}
		wg.Wait()
		odd := perRow([]nodeOf{one("Unheard", nil, "y", "x")}, nil, []any{3}, 3)
		if _, err := OpenEncoder[float32](file(t, "m.onnx", odd.bytes()), Options{}); !errors.Is(err, ErrOperator) || !strings.Contains(err.Error(), "Unheard") {
			t.Errorf("an operator that nobody has: %v, want ErrOperator", err)
		}
	})
}

// What is no library of ONNX Runtime changes nothing.
func TestLibrariesThatAreNone(t *testing.T) {
	for _, path := range []string{"/no/such/library.so", file(t, "text.so", []byte("text"))} {
		if err := UseONNXRuntime(path); !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v, want ErrSpec and the path", err)
		}
	}
	if l, path := onnxRuntime.current(); l != nil || path != "" {
		t.Errorf("%s is in use", path)
	}
}
