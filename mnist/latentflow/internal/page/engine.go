// Package page is the live page of latentflow: digits that a model draws while
// sliders move, walks between digits, digits drawn by hand and what the model
// says of them, and the field of digits over a plane of the latent space.
//
// New makes an http.Handler of a model. The page itself is plain HTML, CSS and
// JavaScript below static; what it asks for is the JSON of api.go.
package page

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/mnist"
)

// Options are what a page is about.
type Options struct {
	Model *autoencoder.Latent[float32] // encodes, decodes, and is trained
	Name  string                       // of the model, as the page shows it
	Test  *mnist.Set                   // images that the model was not trained on
	// Embeddings are those of Test, (n, e): their principal axes are the
	// directions of the embedding's sliders, their densities the scale of p-values.
	Embeddings *bijector.Rows[float32]
	// Host is a further name by which the page may be asked for, beside
	// localhost and all addresses in numbers. Empty: no other.
	Host string
}

// Rand is the source of draws from a seed, here and in the command sample: one
// seed draws one digit in both.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x73616d706c65)) }

// engine computes what the page shows. It is read only, and safe for any number
// of goroutines.
type engine struct {
	Options
	flow          *flow.Flow[float32]
	dim, classes  int                   // classes 0: unconditional
	under         []*flow.Flow[float32] // each class; of an unconditional model, the flow alone
	axes          *autoencoder.PCA[float32]
	deviations    []float64 // of the test images along the axes
	shares        []float64 // of their variance
	scores        []float64 // log-densities of the test images, their classes unknown
	calibration   *flow.Calibration
	effects       []float64 // of the latent's directions, see weigh
	height, width int
}

func newEngine(o Options) (*engine, error) {
	if o.Model == nil || o.Test == nil || o.Test.Len() < 2 || o.Embeddings == nil || o.Embeddings.Len() != o.Test.Len() {
		return nil, fmt.Errorf("page: want a model, test images, at least two, and the embedding of each: %w", bijector.ErrSpec)
	}
	if o.Model.Decoder() == nil {
		return nil, fmt.Errorf("page: the model does not draw: %w", autoencoder.ErrNoDecoder)
	}
	e := outline(o)
	if err := e.measure(); err != nil {
		return nil, err
	}
	return e, nil
}

// outline is the engine of a model before anything is measured.
func outline(o Options) *engine {
	f := o.Model.Flow()
	e := &engine{Options: o, flow: f, dim: f.Dim(), classes: f.ContextDim(), height: o.Test.Height(), width: o.Test.Width()}
	e.under = []*flow.Flow[float32]{f}
	if e.classes > 0 {
		e.under = nil
		for k := range e.classes {
			e.under = append(e.under, f.Given(oneHot(e.classes, k)))
		}
	}
	return e
}

// measure finds the axes of the test embeddings, the scale of their densities
// and the effects of the latent's directions.
func (e *engine) measure() error {
	axes, err := autoencoder.NewPCA[float32](autoencoder.PCASpec{In: e.dim, Embedding: e.dim})
	if err != nil {
		return err
	}
	if err := axes.Fit(e.Embeddings); err != nil {
		return err
	}
	densities, err := e.densities(e.Embeddings)
	if err != nil {
		return err
	}
	scores := make([]float64, e.Test.Len())
	for i := range scores {
		scores[i] = overall(densities, i)
	}
	effects, err := e.weigh()
	if err != nil {
		return err
	}
	return e.take(axes, scores, effects)
}

// take takes what was measured.
func (e *engine) take(axes *autoencoder.PCA[float32], scores, effects []float64) (err error) {
	e.axes, e.scores, e.effects = axes, scores, effects
	along, total := axes.ExplainedVariance()
	for _, v := range along {
		deviation := math.Sqrt(v)
		if v == 0 { // a direction in which nothing varies has no unit of its own
			deviation = 1
		}
		e.deviations = append(e.deviations, deviation)
		e.shares = append(e.shares, v/max(total, math.SmallestNonzeroFloat64))
	}
	e.calibration, err = flow.NewCalibration(scores)
	return err
}

// weigh finds how much each direction of the latent changes a digit: the mean
// difference of a pixel, of 255, between one deviation to either side of the
// centre, over all classes.
func (e *engine) weigh() ([]float64, error) {
	effects := make([]float64, e.dim)
	u := bijector.NewRows[float32](2*e.dim, e.dim)
	for j := range e.dim {
		u.Row(2 * j)[j], u.Row(2*j + 1)[j] = -1, 1
	}
	for _, f := range e.under {
		z, err := f.Inverse(u)
		if err != nil {
			return nil, err
		}
		pixels, err := e.gray(z)
		if err != nil {
			return nil, err
		}
		size := len(pixels) / u.Len()
		for i, v := range pixels {
			if row, p := i/size, i%size; row%2 == 0 {
				effects[row/2] += math.Abs(float64(v)-float64(pixels[(row+1)*size+p])) / float64(size*len(e.under))
			}
		}
	}
	return effects, nil
}

// densities are the log-densities of embeddings under each class, nats: a row a
// class, a column an embedding.
func (e *engine) densities(z *bijector.Rows[float32]) ([][]float64, error) {
	all := make([][]float64, len(e.under))
	for k, f := range e.under {
		var err error
		if all[k], err = f.LogProb(z); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// overall is the log-density of embedding i where its class is not known: of
// the mixture of the classes, each as likely as the others.
func overall(densities [][]float64, i int) float64 {
	column := make([]float64, len(densities))
	for k := range densities {
		column[k] = densities[k][i]
	}
	return floats.LogSumExp(column) - math.Log(float64(len(column)))
}

// posterior are the probabilities of the classes of embedding i, by Bayes' rule,
// each as likely as the others beforehand.
func posterior(densities [][]float64, i int) []float64 {
	total, p := overall(densities, i)+math.Log(float64(len(densities))), make([]float64, len(densities))
	for k := range p {
		p[k] = math.Exp(densities[k][i] - total)
	}
	return p
}

// coordinates are those of an embedding along the axes, in standard deviations
// of the test images.
func (e *engine) coordinates(z *bijector.Rows[float32]) ([]float64, error) {
	along, err := e.axes.Encode(z)
	if err != nil {
		return nil, err
	}
	a := wide(along.Row(0))
	floats.Div(a, e.deviations)
	return a, nil
}

// at is the embedding with the coordinates.
func (e *engine) at(coordinates []float64) (*bijector.Rows[float32], error) {
	along := bijector.NewRows[float32](1, e.dim)
	for j, v := range coordinates {
		along.Row(0)[j] = float32(v * e.deviations[j])
	}
	return e.axes.Decode(along)
}

// gray are the images of embeddings, a byte a pixel, one image after the other.
func (e *engine) gray(z *bijector.Rows[float32]) ([]byte, error) {
	x, err := e.Model.Decode(z)
	if err != nil {
		return nil, err
	}
	return bytesOf(x.Values()), nil
}

// bytesOf are values in [0, 1] as bytes; what is beyond, as PCA decodes to, is
// cut.
func bytesOf(values []float32) []byte {
	pixels := make([]byte, len(values))
	for i, v := range values {
		pixels[i] = byte(math.Round(255 * float64(min(max(v, 0), 1))))
	}
	return pixels
}

func oneHot(classes, k int) *bijector.Rows[float32] {
	row := bijector.NewRows[float32](1, classes)
	row.Row(0)[k] = 1
	return row
}

func wide(row []float32) []float64 {
	w := make([]float64, len(row))
	for i, v := range row {
		w[i] = float64(v)
	}
	return w
}

// rowError says whether an error is of rows that the model has no number for.
func rowError(err error) bool {
	var r *bijector.RowError
	return errors.As(err, &r)
}
