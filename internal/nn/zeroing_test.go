package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// Gradients that count as zero are those of zeros that were written, whatever stood
// there: after one contribution, after two, and after none.
func TestZeroing(t *testing.T) {
	m, err := NewMLP[float32](MLPSpec{In: 3, Out: 2, Hidden: []int{20, 50}, Activation: "tanh", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewResidual[float32](ResidualSpec{In: 3, Out: 2, Hidden: 20, Blocks: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, net := range map[string]bijector.Network[float32]{"mlp": m, "residual": r} {
		t.Run(name, func(t *testing.T) { testZeroing(t, net) })
	}
}

func testZeroing(t *testing.T, net bijector.Network[float32]) {
	var z bijector.Zeroing
	o := bijector.PassOptions{MaxBatch: 7}
	plain, lazy := net.NewNetworkGradPass(o), net.NewNetworkGradPass(o.WithZeroing(&z))
	x, y, dx, dy := bijector.NewMat[float32](3, 7), bijector.NewMat[float32](2, 7), bijector.NewMat[float32](3, 7), bijector.NewMat[float32](2, 7)
	for i := range x.Data {
		x.Data[i] = float32(math.Sin(float64(i)))
	}
	for i := range dy.Data {
		dy.Data[i] = float32(math.Cos(float64(i)))
	}
	for _, contributions := range []int{1, 0, 2, 1, 0} {
		for i, g := range plain.Grads() {
			clear(g)
			if !bijector.IsHandedOver(&z, lazy.Grads()[i]) || bijector.IsHandedOver(&z, g) {
				t.Fatalf("array %d is not handed over, or another is", i)
			}
			for j := range lazy.Grads()[i] {
				lazy.Grads()[i][j] = float32(math.NaN())
			}
		}
		z.Zero()
		for range contributions {
			for _, p := range []bijector.NetworkGradPass[float32]{plain, lazy} {
				p.Forward(y, x, 0, 7)
				p.Backward(dx, dy, x, y, 0, 7)
				p.Accumulate(dy, x, y)
			}
		}
		z.Settle()
		for i, g := range plain.Grads() {
			if !slices.Equal(lazy.Grads()[i], g) {
				t.Errorf("%d contributions: array %d differs", contributions, i)
			}
		}
	}
}
