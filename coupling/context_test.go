package coupling_test

// Contexts in units of their own: chains that standardise them.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// contextual is a chain whose members see the context through a perceptron on
// standardised contexts.
func contextual[T bijector.Float](r coupling.Recipe) (*bijector.Chain[T], error) {
	inner := r
	inner.ContextDim, inner.Raw = 3, true
	c, err := coupling.RealNVP[T](inner)
	if err != nil {
		return nil, err
	}
	start, err := bijector.NewStandardizeContext[T](bijector.StandardizeContextSpec{Dim: r.ContextDim})
	if err != nil {
		return nil, err
	}
	mlp, err := coupling.NewMLP[T](coupling.MLPSpec{In: r.ContextDim, Out: 3, Hidden: []int{5}, Activation: "tanh", Seed: 1})
	if err != nil {
		return nil, err
	}
	net, err := coupling.NewSequential[T](start, mlp)
	if err != nil {
		return nil, err
	}
	return bijector.NewConditionalChain(net, c.Members()...)
}

// TestConditionalChains: the gradient reaches contexts and the network's
// parameters, and both are saved with the chain.
func TestConditionalChains(t *testing.T) {
	r := coupling.Recipe{Dim: 3, ContextDim: 2, Layers: 2, Hidden: []int{5}, Norm: "act"}
	t.Run("network", func(t *testing.T) {
		bijectortest.RunSpec(t, r, contextual[float32], contextual[float64])
	})
	t.Run("standardised", func(t *testing.T) {
		bijectortest.RunSpec(t, r, coupling.RealNVP[float32], coupling.RealNVP[float64])
	})
}

func TestContextsThatDoNotFit(t *testing.T) {
	s := must(bijector.NewStandardizeContext[float64](bijector.StandardizeContextSpec{Dim: 3}))
	for name, r := range map[string]coupling.Recipe{"other": {Dim: 2, ContextDim: 2, Raw: true}, "unconditional": {Dim: 2}} {
		c := must(coupling.RealNVP[float64](r))
		if _, err := bijector.NewConditionalChain[float64](s, c.Members()...); !errors.Is(err, bijector.ErrContext) {
			t.Errorf("%s: error is %v, want ErrContext", name, err)
		}
	}
	if _, err := coupling.NewSequential[float64](s, nil); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("a nil network: error is %v, want ErrSpec", err)
	}
}

// circle is n rows (sin c, cos c) + 0.1 e of angles c, which the context states
// as offset + scale c.
func circle(n int, offset, scale float64, seed uint64) (x, c *bijector.Rows[float32]) {
	rng := rand.New(rand.NewPCG(seed, 1))
	x, c = bijector.NewRows[float32](n, 2), bijector.NewRows[float32](n, 1)
	for i := range n {
		angle := rng.NormFloat64()
		x.Row(i)[0], x.Row(i)[1] = float32(math.Sin(angle)+0.1*rng.NormFloat64()), float32(math.Cos(angle)+0.1*rng.NormFloat64())
		c.Row(i)[0] = float32(offset + scale*angle)
	}
	return x, c
}

// circleLoss is the loss on new rows after training with such contexts.
func circleLoss(t *testing.T, f *flow.Flow[float32], offset, scale float64) float64 {
	t.Helper()
	x, c := circle(4000, offset, scale, 1)
	o := train.Options{ValidationFraction: train.NoValidation, Epochs: 6, Batch: 100, Rate: 3e-3, Schedule: train.Cosine{}, Seed: 1}
	if _, err := train.Fit(context.Background(), f, train.Tensor(x).Given(c), o); err != nil {
		t.Fatal(err)
	}
	x, c = circle(2000, offset, scale, 2)
	return must(train.Evaluate(context.Background(), f, train.Tensor(x).Given(c)))
}

// TestContextsInTheirOwnUnits: a flow learns as much from contexts of any offset
// and scale as from standardised ones, as they are and through an embedding.
func TestContextsInTheirOwnUnits(t *testing.T) {
	r := coupling.Recipe{Dim: 2, ContextDim: 1, Layers: 4, Hidden: []int{32}, Norm: "act"}
	for name, chain := range map[string]func(coupling.Recipe) (*bijector.Chain[float32], error){"recipe": coupling.RealNVP[float32], "embedding": contextual[float32]} {
		loss := func(offset, scale float64) float64 {
			return circleLoss(t, must(flow.New[float32](must(chain(r)), distribution.StandardNormal[float32](2))), offset, scale)
		}
		want := loss(0, 1)
		if !(want < -1.4) {
			t.Errorf("%s: standardised contexts come to %.3f nats", name, want)
		}
		for _, units := range [][2]float64{{1e6, 1e4}, {0, 1e-9}, {0, 1e12}} {
			if got := loss(units[0], units[1]); !(math.Abs(got-want) < 0.02) {
				t.Errorf("%s: contexts %g + %g c come to %.3f nats, standardised ones to %.3f", name, units[0], units[1], got, want)
			}
		}
	}
}

func ExampleNewSequential() {
	units, err := bijector.NewStandardizeContext[float64](bijector.StandardizeContextSpec{Dim: 5})
	if err != nil {
		fmt.Println(err)
		return
	}
	mlp, err := coupling.NewMLP[float64](coupling.MLPSpec{In: 5, Out: 2, Hidden: []int{16}})
	if err != nil {
		fmt.Println(err)
		return
	}
	embedding, err := coupling.NewSequential(units, mlp)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(embedding.In(), "features of the context become", embedding.Out())
	// Output: 5 features of the context become 2
}
