package autoregressive_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
)

func TestLayersRefuse(t *testing.T) {
	given := func(indices ...int) autoregressive.OrderSpec { return autoregressive.OrderSpec{Indices: indices} }
	for _, c := range []struct {
		s    autoregressive.AffineSpec
		err  error
		says string
	}{
		{autoregressive.AffineSpec{}, bijector.ErrSpec, "0 features"},
		{autoregressive.AffineSpec{Dim: -1}, bijector.ErrSpec, "-1 features"},
		{autoregressive.AffineSpec{Dim: 1 << 30}, bijector.ErrSpec, "1073741824 features"},
		{autoregressive.AffineSpec{Dim: 2, ContextDim: -1}, bijector.ErrSpec, "-1 of context"},
		{autoregressive.AffineSpec{Dim: 2, Hidden: []int{3, 0}}, bijector.ErrSpec, "width 0"},
		{autoregressive.AffineSpec{Dim: 2, Activation: "sine"}, bijector.ErrSpec, `"sine"`},
		{autoregressive.AffineSpec{Dim: 2, Scale: "cosh"}, bijector.ErrSpec, `"cosh"`},
		{autoregressive.AffineSpec{Dim: 2, Scale: "exp", Clamp: 2}, bijector.ErrSpec, "clamp 2"},
		{autoregressive.AffineSpec{Dim: 2, Order: autoregressive.OrderSpec{Kind: "up"}}, bijector.ErrSpec, `"up"`},
		{autoregressive.AffineSpec{Dim: 2, Order: autoregressive.OrderSpec{Kind: "reverse", Indices: []int{0, 1}}}, bijector.ErrSpec, `"reverse" with indices`},
		{autoregressive.AffineSpec{Dim: 2, Order: given(0)}, bijector.ErrShape, "1 indices for 2 features"},
		{autoregressive.AffineSpec{Dim: 2, Order: given()}, bijector.ErrShape, ""},
		{autoregressive.AffineSpec{Dim: 2, Order: given(0, 0)}, bijector.ErrSpec, "0 at place 1"},
		{autoregressive.AffineSpec{Dim: 2, Order: given(0, 2)}, bijector.ErrSpec, "2 at place 1"},
		{autoregressive.AffineSpec{Dim: 2, Order: given(-1, 0)}, bijector.ErrSpec, "-1 at place 0"},
	} {
		if c.s.Order.Indices == nil && c.err == bijector.ErrShape {
			c.s.Order.Indices = []int{}
		}
		if _, err := autoregressive.NewAffine[float32](c.s); !errors.Is(err, c.err) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%+v: error %v, want %v that says %q", c.s, err, c.err, c.says)
		}
	}
	for _, s := range []autoregressive.SplineSpec{{}, {Dim: 2, Bins: 1}, {Dim: 2, Bound: -1}, {Dim: 2, MinSlope: 1}, {Dim: 2, Order: given(1, 1)}} {
		if _, err := autoregressive.NewSpline[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%+v: error %v, want ErrSpec", s, err)
		}
	}
	if _, err := autoregressive.New(autoregressive.Parts[float32]{Dim: 2}); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("Parts without a transform: error %v, want ErrSpec", err)
	}
}

// TestLoadedState: what a hostile file may put into a layer. An order that is
// none is refused and not used; masked weights are cleared.
func TestLoadedState(t *testing.T) {
	for _, bad := range [][]int64{{0, 1, 1}, {0, 1, 3}, {-1, 0, 1}, {math.MaxInt64, 0, 1}} {
		l := must(autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: 3}))
		copy(l.Buffers()[0].Data.([]int64), bad)
		l.Invalidate()
		if err := l.Validate(); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("order %v: error %v, want ErrSpec", bad, err)
		}
		x := bijector.NewMat[float64](3, 1)
		l.NewPass(bijector.PassOptions{MaxBatch: 1}).Forward(x, x, bijector.Mat[float64]{}, make([]float64, 1))
	}
	l := must(autoregressive.NewAffine[float64](autoregressive.AffineSpec{Dim: 3, Hidden: []int{4}}))
	copy(l.Buffers()[0].Data.([]int64), []int64{2, 0, 1})
	for _, p := range l.Params() {
		for i, v := range p.Data {
			if v == 0 {
				p.Data[i] = math.Inf(1)
			}
		}
	}
	l.Invalidate()
	if err := l.Validate(); err != nil {
		t.Fatal(err)
	}
	x := bijector.NewMat[float64](3, 1)
	x.Feature(0)[0], x.Feature(1)[0], x.Feature(2)[0] = 1, 2, 3
	rows := jacobian(l, x, bijector.Mat[float64]{})
	if rows[2][0] != 0 || rows[2][1] != 0 || rows[0][1] != 0 || !(rows[1][2] != 0) || rows[1][2]-rows[1][2] != 0 {
		t.Errorf("after loading the order 2, 0, 1, the Jacobian is %v", rows)
	}
}

func TestRecipesRefuse(t *testing.T) {
	for _, r := range []autoregressive.Recipe{
		{},
		{Dim: -2},
		{Dim: 2, Layers: -1},
		{Dim: 2, Layers: 1 << 20},
		{Dim: 2, Norm: "group"},
		{Dim: 2, Order: "sorted"},
		{Dim: 2, Hidden: []int{-1}},
		{Dim: 2, Activation: "sine"},
		{Dim: 2, ContextDim: -1},
	} {
		for name, recipe := range map[string]func(autoregressive.Recipe) (*bijector.Chain[float32], error){
			"MAF": autoregressive.MAF[float32], "NSF": autoregressive.NSF[float32],
		} {
			if _, err := recipe(r); !errors.Is(err, bijector.ErrSpec) {
				t.Errorf("%s of %+v: error %v, want ErrSpec", name, r, err)
			}
		}
	}
	for _, r := range []autoregressive.Recipe{{Dim: 2, Bins: 4}, {Dim: 2, Bound: 3}, {Dim: 2, Scale: "cosh"}} {
		if _, err := autoregressive.MAF[float32](r); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("MAF of %+v: error %v, want ErrSpec", r, err)
		}
	}
	for _, r := range []autoregressive.Recipe{{Dim: 2, Scale: "exp"}, {Dim: 2, Clamp: 2}, {Dim: 2, Bins: 1}} {
		if _, err := autoregressive.NSF[float32](r); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("NSF of %+v: error %v, want ErrSpec", r, err)
		}
	}
}

// TestSplineNumbers: each number of a SplineSpec says something about the
// spline.
func TestSplineNumbers(t *testing.T) {
	seen := map[float64]string{}
	for _, s := range []autoregressive.SplineSpec{
		{}, {Bins: 5}, {Bound: 3}, {MinWidth: 0.05}, {MinHeight: 0.05}, {MinSlope: 0.1},
	} {
		name := fmt.Sprintf("%+v", s)
		s.Dim, s.Hidden, s.Seed = 1, []int{4}, 1
		x := bijector.NewMat[float64](1, 1)
		x.Feature(0)[0] = 0.7
		must(autoregressive.NewSpline[float64](s)).NewPass(bijector.PassOptions{MaxBatch: 1}).Forward(x, x, bijector.Mat[float64]{}, make([]float64, 1))
		if other, ok := seen[x.Feature(0)[0]]; ok {
			t.Errorf("%s and %s make the same spline", other, name)
		}
		seen[x.Feature(0)[0]] = name
	}
}
