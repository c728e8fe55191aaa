// Command encoder puts a flow on the embeddings of an encoder that the library
// does not know: any code that turns rows into vectors.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

const length = 64 // samples of a wave

func main() {
	log.SetFlags(0)
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run learns waves by their amplitudes, draws new ones and scores others.
func run(w io.Writer) error {
	rng := rand.New(rand.NewPCG(1, 2))
	x := waves(rng, 3000)
	z, err := harmonics{}.Encode(x)
	if err != nil {
		return err
	}
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: z.Dim(), Layers: 6, Hidden: []int{32}, Seed: 1})
	if err != nil {
		return err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](z.Dim()))
	if err != nil {
		return err
	}
	if _, err := train.Fit(context.Background(), f, train.Tensor(z), train.Options{Rate: 3e-3, Schedule: train.Cosine{}}); err != nil {
		return err
	}

	// The encoder decodes too: nil takes it as the decoder.
	model, err := autoencoder.NewLatent[float32](harmonics{}, nil, f)
	if err != nil {
		return err
	}
	draws, err := model.Sample(rng, 1000)
	if err != nil {
		return err
	}
	logp, err := model.LogProb(x)
	if err != nil {
		return err
	}
	odd := bijector.NewRows[float32](1, length) // an amplitude as usual, and the other 0
	for t := range odd.Row(0) {
		odd.Row(0)[t] = float32(4 * basis(0, t))
	}
	oddLogp, err := model.LogProb(odd)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "draws:", draws.Shape())
	fmt.Fprintf(w, "mean square: %.2f of the waves, %.2f of the draws\n", meanSquare(x.Values()), meanSquare(draws.Values()))
	fmt.Fprintln(w, "a wave without its second harmonic is 10 nats less likely than the first:", oddLogp[0] < logp[0]-10)
	return nil
}

// harmonics embeds a wave by its amplitudes at two frequencies. It is an
// autoencoder.Encoder and Decoder, with methods that may be called at once by
// several goroutines.
type harmonics struct{}

// basis is the value of frequency k+1 at sample t, of length 1 over a wave.
func basis(k, t int) float64 {
	return math.Sqrt(2.0/length) * math.Sin(2*math.Pi*float64((k+1)*t)/length)
}

// Encode maps waves (n, 64) to amplitudes (n, 2). InputOf checks what it is
// given, and reads any kind of tensor.
func (harmonics) Encode(x tensor.Tensor) (*bijector.Rows[float32], error) {
	return project(x, length, 2, func(in, out int) float64 { return basis(out, in) })
}

// Decode maps amplitudes (n, 2) to waves (n, 64).
func (harmonics) Decode(z tensor.Tensor) (*bijector.Rows[float32], error) {
	return project(z, 2, length, basis)
}

// project multiplies rows of in values by a matrix. As the library's own
// encoders do, it names rows that are not finite and maps the others.
func project(x tensor.Tensor, in, out int, matrix func(i, j int) float64) (*bijector.Rows[float32], error) {
	input, err := bijector.InputOf[float32](x, in)
	if err != nil {
		return nil, err
	}
	m := bijector.NewMat[float32](in, input.Len()) // feature-major
	input.Load(m, 0)
	y := bijector.NewRows[float32](m.N, out)
	for j := range out {
		for i := range in {
			a := float32(matrix(i, j))
			for row, v := range m.Feature(i) {
				y.Row(row)[j] += a * v
			}
		}
	}
	first, count := 0, 0
	for row := m.N - 1; row >= 0; row-- {
		if v := float64(y.Row(row)[0]); math.IsNaN(v) || math.IsInf(v, 0) {
			first, count = row, count+1
		}
	}
	if count > 0 {
		return y, bijector.NewRowError("input", first, count, m.N)
	}
	return y, nil
}

// waves have amplitudes of which the second follows from the first, nearly.
func waves(rng *rand.Rand, n int) *bijector.Rows[float32] {
	x := bijector.NewRows[float32](n, length)
	for i := range n {
		a := 4 + rng.NormFloat64()
		b := a*a/4 + 0.2*rng.NormFloat64()
		for t := range x.Row(i) {
			x.Row(i)[t] = float32(a*basis(0, t) + b*basis(1, t))
		}
	}
	return x
}

func meanSquare(values []float32) (m float64) {
	for _, v := range values {
		m += float64(v) * float64(v)
	}
	return m / float64(len(values))
}
