// What a user can get wrong: data, targets and specs.

package autoencoder

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestNonFiniteRows(t *testing.T) {
	for name, a := range models[float32]() {
		const n = 260
		clean := must(a.Encode(images[float32](n, a.Dim()))).Float32s()
		x := images[float32](n, a.Dim())
		x.Float32s()[201*a.Dim()+3] = float32(math.NaN())
		x.Float32s()[7*a.Dim()] = float32(math.Inf(-1))
		z, err := a.Encode(x)
		var row *bijector.RowError
		if !errors.As(err, &row) || row.Row != 7 || row.Count != 2 || row.N != n || row.What != "input" {
			t.Fatalf("%s: error %v, want rows 7 and 201", name, err)
		}
		for i, v := range z.Float32s() {
			if bad := i/a.Embedding() == 7 || i/a.Embedding() == 201; bad != (v != v) || !bad && v != clean[i] {
				t.Fatalf("%s: embedding value %d is %v, without the bad rows %v", name, i, v, clean[i])
			}
		}
		y, err := a.Reconstruct(x)
		if !errors.As(err, &row) || row.Row != 7 || y == nil || y.Float32s()[7*a.Dim()] == y.Float32s()[7*a.Dim()] {
			t.Errorf("%s: Reconstruct's error is %v", name, err)
		}
		if _, err := a.Loss(x); !errors.As(err, &row) || row.Row != 7 {
			t.Errorf("%s: Loss's error is %v", name, err)
		}
	}
}

// TestOverflow: a row whose embedding no number holds is named as a result.
func TestOverflow(t *testing.T) {
	a := must(NewDense[float32](DenseSpec{In: 9, Embedding: 2}))
	for _, p := range a.Params()[:1] {
		for i := range p.Data {
			p.Data[i] = 1
		}
	}
	x := images[float32](200, 9)
	clean := must(a.Encode(x)).Float32s()
	for j := range 9 {
		x.Float32s()[150*9+j] = math.MaxFloat32
	}
	z, err := a.Encode(x)
	var row *bijector.RowError
	if !errors.As(err, &row) || row.Row != 150 || row.Count != 1 || row.What != "result" {
		t.Errorf("error %v, want a result in row 150", err)
	}
	for i, v := range z.Float32s() {
		if bad := i/2 == 150; bad != (v != v) || !bad && v != clean[i] {
			t.Errorf("embedding value %d is %v, without the overflow %v", i, v, clean[i])
		}
	}
}

func TestInputErrors(t *testing.T) {
	a := must(NewConv[float32](ConvSpec{Height: 6, Channels: []int{2}, Embedding: 2}))
	for name, c := range map[string]struct {
		x    tensor.Tensor
		want error
	}{
		"nil":     {nil, bijector.ErrShape},
		"width":   {images[float32](3, 35), bijector.ErrShape},
		"rank":    {tensor.New(tensor.WithShape(36), tensor.Of(tensor.Float32)), bijector.ErrShape},
		"float64": {images[float64](3, 36), bijector.ErrDType},
	} {
		for what, f := range map[string]func(tensor.Tensor) (*bijector.Rows[float32], error){
			"Encode": a.Encode, "Decode": a.Decode, "Reconstruct": a.Reconstruct,
		} {
			if y, err := f(c.x); !errors.Is(err, c.want) || y != nil {
				t.Errorf("%s of %s: %v, %v, want %v", what, name, y, err, c.want)
			}
		}
		if y, err := a.Loss(c.x); !errors.Is(err, c.want) || y != nil {
			t.Errorf("Loss of %s: %v, %v, want %v", name, y, err, c.want)
		}
	}
	four := tensor.New(tensor.WithShape(2, 1, 6, 6), tensor.WithBacking(images[float32](2, 36).Float32s()))
	if z := must(a.Encode(four)); z.Shape()[0] != 2 || z.Shape()[1] != 2 {
		t.Errorf("images give embeddings of shape %v", z.Shape())
	}
}

func TestTargets(t *testing.T) {
	a := must(NewDense[float64](DenseSpec{In: 4, Embedding: 2}))
	for _, v := range []float64{-0.1, 1.5, 255} {
		x := images[float64](150, 4)
		x.Float64s()[140*4+2] = v
		err := a.CheckTargets(x)
		if !errors.Is(err, ErrTarget) {
			t.Fatalf("a target of %v: %v, want ErrTarget", v, err)
		}
		if want := fmt.Sprintf("autoencoder: value 2 of row 140 is %v, want 0 to 1; scale the data (bytes by 1/255): value outside of [0, 1]", v); err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
		if _, err := a.Loss(x); !errors.Is(err, ErrTarget) {
			t.Errorf("Loss with a target of %v: %v, want ErrTarget", v, err)
		}
		m := must(bijector.MatOf[float64](x, 4))
		loss := make([]float64, 150)
		a.NewStepPass(bijector.PassOptions{MaxBatch: 150}).Step(m, bijector.Mat[float64]{}, loss)
		for i, l := range loss {
			if (i == 140) != math.IsNaN(l) {
				t.Errorf("target %v: row %d has loss %v", v, i, l)
			}
		}
	}
	edge := testkit.Rows([]float64{0, 1, 0, 1}, 1, 4)
	if err := a.CheckTargets(edge); err != nil {
		t.Errorf("targets of 0 and 1: %v", err)
	}
}

func TestSpecErrors(t *testing.T) {
	for name, s := range map[string]ConvSpec{
		"height":     {Height: -1},
		"channels":   {Channels: []int{4, 0}},
		"embedding":  {Embedding: -1},
		"huge":       {Height: 1 << 14, Channels: []int{1 << 14}},
		"depth":      {Channels: make([]int, 15)},
		"large code": {Embedding: 1 << 30},
	} {
		if a, err := NewConv[float32](s); !errors.Is(err, bijector.ErrSpec) || a != nil {
			t.Errorf("conv, %s: %v, want ErrSpec", name, err)
		}
	}
	for name, s := range map[string]DenseSpec{"in": {}, "hidden": {In: 3, Hidden: []int{0}}, "embedding": {In: 3, Embedding: -2}} {
		if a, err := NewDense[float32](s); !errors.Is(err, bijector.ErrSpec) || a != nil {
			t.Errorf("dense, %s: %v, want ErrSpec", name, err)
		}
	}
	if _, err := New[float32](nil, nil); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("New of nothing: %v", err)
	}
	a, b := must(NewDense[float32](DenseSpec{In: 4, Embedding: 2})), must(NewDense[float32](DenseSpec{In: 5, Embedding: 2}))
	if _, err := New(a.encoder, b.decoder); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("New of maps that do not fit: %v", err)
	}
}

// TestSpec: the spec makes an equal model, and the zero one has the documented
// sizes.
func TestSpec(t *testing.T) {
	a := must(NewConv[float64](ConvSpec{Seed: 3}))
	s := a.Spec().(ConvSpec)
	if s.Height != 28 || s.Width != 28 || s.InChannels != 1 || len(s.Channels) != 2 || s.Embedding != 20 || a.Dim() != 784 || a.Embedding() != 20 {
		t.Errorf("defaults: %+v", s)
	}
	b := must(NewConv[float64](s))
	total := 0
	for k, p := range a.Params() {
		total += len(p.Data)
		q := b.Params()[k]
		for i, v := range p.Data {
			if v != q.Data[i] {
				t.Fatalf("%s[%d] is %v and %v", p.Name, i, v, q.Data[i])
			}
		}
	}
	if want := 2*(288+18432) + 62740 + 65856; total != want {
		t.Errorf("%d weights, want %d", total, want)
	}
	names := []string{"encoder.0.weight", "encoder.1.weight", "encoder.2.weight", "encoder.2.bias", "decoder.0.weight", "decoder.0.bias", "decoder.1.weight", "decoder.2.weight"}
	for k, p := range a.Params() {
		if p.Name != names[k] {
			t.Errorf("parameter %d is %s, want %s", k, p.Name, names[k])
		}
	}
	d := must(NewDense[float64](DenseSpec{In: 12, Hidden: []int{5}, Seed: 3}))
	if s := d.Spec().(DenseSpec); s.Embedding != 20 || d.Embedding() != 20 || d.Dim() != 12 {
		t.Errorf("dense: %+v", s)
	}
}

// TestBiases: each direction has a bias of its own, and one spec for it.
func TestBiases(t *testing.T) {
	for _, c := range []struct {
		asked, kept      ConvSpec
		encoder, decoder bool
	}{
		{ConvSpec{}, ConvSpec{}, false, false},
		{ConvSpec{Bias: true}, ConvSpec{Bias: true}, true, true},
		{ConvSpec{EncoderBias: true}, ConvSpec{EncoderBias: true}, true, false},
		{ConvSpec{DecoderBias: true}, ConvSpec{DecoderBias: true}, false, true},
		{ConvSpec{EncoderBias: true, DecoderBias: true}, ConvSpec{Bias: true}, true, true},
		{ConvSpec{Bias: true, DecoderBias: true}, ConvSpec{Bias: true}, true, true},
	} {
		a := must(NewConv[float64](c.asked))
		has := map[string]bool{}
		for _, p := range a.Params() {
			has[p.Name] = true
		}
		for i, encoder := range []string{"encoder.0.bias", "encoder.1.bias"} {
			decoder := []string{"decoder.1.bias", "decoder.2.bias"}[i]
			if has[encoder] != c.encoder || has[decoder] != c.decoder {
				t.Errorf("%+v: %s is %v, %s is %v; want %v and %v", c.asked, encoder, has[encoder], decoder, has[decoder], c.encoder, c.decoder)
			}
		}
		s := a.Spec().(ConvSpec)
		if s.Bias != c.kept.Bias || s.EncoderBias != c.kept.EncoderBias || s.DecoderBias != c.kept.DecoderBias {
			t.Errorf("%+v: the spec is %+v", c.asked, s)
		}
	}
}
