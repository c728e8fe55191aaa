// Autoencoder: an encoder and a decoder that are trained together.

package autoencoder

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Autoencoder is an encoder and a decoder that are trained together to give
// back what went in. With o the d outputs of the decoder, the loss of a row x
// is, by the Loss of its spec,
//
//	"bce"       1/d sum_j softplus(o_j) - o_j x_j
//	"squared"   1/d sum_j (x_j - o_j)^2
//	"gaussian"  1/d sum_j (x_j - o_j)^2 / (2 s^2) + log s + log(2 pi)/2
//
// The first is the binary cross-entropy of values in [0, 1], in nats a value, of
// which o are the logits; its mean over rows is what PyTorch's BCEWithLogitsLoss
// returns. The last is -log N(x; o, s^2), in nats a value, with one deviation s
// for all values, which is learned: log s is the parameter "log_scale". Both of
// them are for real values, which training sees as they are: scale them to
// deviations of about 1.
//
// # Variational
//
// With Variational the encoder gives e means m and e logarithms of variances
// log v, and the embedding that is decoded is drawn by reparametrisation, z = m +
// sqrt(v) u with u ~ N(0, I) (Kingma and Welling 2014, arXiv 1312.6114, equation
// 9). The loss is the negative of their bound (equations 3 and 10) over d,
//
//	1/d (-log p(x|z) + KL(N(m, v) || N(0, I))),  KL = 1/2 sum_k m_k^2 + v_k - 1 - log v_k,
//
// with d times the loss above for -log p(x|z); "squared" is that of a Gaussian
// of variance 1/2, but for a constant. With Noise instead, v is that number
// squared for all rows: embeddings with constant noise, on a scale that the KL
// holds (Ghosh et al. 2020, arXiv 1903.12436, section 3). Variational, the type,
// has a flow in the place of N(0, I). Encode returns the means.
//
// The draws of training depend on the seed and on how many steps there were,
// which is saved as the buffer "draws"; those of an evaluation on the seed and
// the row, so that it has the same loss among any others.
//
// Train it with train.Fit: on MNIST, Adam at 1e-3 with weight decay 1e-5 and
// batches of 100 serve well.
//
// An Autoencoder may be used by several goroutines at once while nobody trains
// it. Calls with more rows than 128 run on all cores.
type Autoencoder[T bijector.Float] struct {
	encoder, decoder bijector.Network[T]
	spec             any
	criterion        criterion
	logScale         []T     // of the Gaussian loss: one value, none for other losses
	draws            []int64 // one value: steps that drew embeddings; none where none do
	encode, decode   rowTransform[T]
	losses           rows.Pool[*lossSession[T]]
}

// New makes an autoencoder of two maps: encoder from data to embeddings,
// decoder from embeddings to logits of data. It has no spec, and the loss "bce";
// NewConv and NewDense make autoencoders that can be saved.
func New[T bijector.Float](encoder, decoder bijector.Network[T]) (*Autoencoder[T], error) {
	return newAutoencoder(encoder, decoder, criterion{})
}

func newAutoencoder[T bijector.Float](encoder, decoder bijector.Network[T], c criterion) (*Autoencoder[T], error) {
	if nilcheck.IsNil(encoder) || nilcheck.IsNil(decoder) {
		return nil, fmt.Errorf("autoencoder: encoder or decoder is nil: %w", bijector.ErrSpec)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if encoder.Out() != decoder.In()*c.heads() || encoder.In() != decoder.Out() {
		return nil, fmt.Errorf("autoencoder: the encoder maps %d features to %d, the decoder %d to %d; want one to undo the other: %w",
			encoder.In(), encoder.Out(), decoder.In(), decoder.Out(), bijector.ErrShape)
	}
	a := &Autoencoder[T]{encoder: encoder, decoder: decoder, criterion: c}
	if c.loss == gaussianLoss {
		a.logScale = make([]T, 1)
	}
	if c.stochastic() {
		a.draws = make([]int64, 1)
	}
	a.encode.in, a.encode.out, a.encode.newApply = encoder.In(), a.Embedding(), a.newEncodeFn
	a.decode.in, a.decode.out, a.decode.newApply = decoder.In(), decoder.Out(), a.newDecodeFn
	return a, nil
}

// Dim is the number of values of a row of data.
func (a *Autoencoder[T]) Dim() int { return a.encoder.In() }

// Embedding is the number of values of an embedding.
func (a *Autoencoder[T]) Embedding() int { return a.decoder.In() }

// SetParallelism bounds the goroutines of Encode, Decode and Loss; n below 1 means
// GOMAXPROCS, as at the start. Results do not depend on it.
func (a *Autoencoder[T]) SetParallelism(n int) {
	a.encode.pool.SetParallelism(n)
	a.decode.pool.SetParallelism(n)
	a.losses.SetParallelism(n)
}

// Encode maps data, shape (n, d) or images (n, c, h, w) with c*h*w = d, to
// embeddings (n, e), the means of variational ones. Rows with a NaN or an infinity have NaN embeddings and
// are named by a bijector.RowError; the others are unaffected.
func (a *Autoencoder[T]) Encode(x tensor.Tensor) (*bijector.Rows[T], error) { return a.encode.run(x) }

// Decode maps embeddings (n, e) to data (n, d): the decoder's outputs, and of the
// loss "bce" their sigmoid, in [0, 1]. Rows that are not finite are treated as by Encode.
func (a *Autoencoder[T]) Decode(z tensor.Tensor) (*bijector.Rows[T], error) { return a.decode.run(z) }

// Reconstruct decodes what it encodes: shape (n, d).
func (a *Autoencoder[T]) Reconstruct(x tensor.Tensor) (*bijector.Rows[T], error) {
	z, err := a.Encode(x)
	if z == nil {
		return nil, err
	}
	y, later := a.Decode(z)
	if err == nil {
		err = later
	}
	return y, err
}

func (a *Autoencoder[T]) newEncodeFn() func(y, x bijector.Mat[T]) {
	p := a.encoder.NewNetworkPass(bijector.PassOptions{MaxBatch: rows.Size})
	if a.criterion.heads() == 1 {
		return func(y, x bijector.Mat[T]) { p.Forward(y, x, 0, x.N) }
	}
	both := bijector.NewMat[T](a.encoder.Out(), rows.Size)
	return func(y, x bijector.Mat[T]) {
		h := both.Resize(x.N)
		p.Forward(h, x, 0, x.N)
		y.CopyFrom(h.Features(0, y.D))
	}
}

func (a *Autoencoder[T]) newDecodeFn() func(y, x bijector.Mat[T]) {
	p := a.decoder.NewNetworkPass(bijector.PassOptions{MaxBatch: rows.Size})
	return func(y, x bijector.Mat[T]) {
		p.Forward(y, x, 0, x.N)
		for j := range y.D {
			if a.criterion.loss == bceLoss {
				kernel.Sigmoid(y.Feature(j), y.Feature(j))
			}
		}
	}
}

// Networks are the encoder, from data to embeddings, and the decoder, from
// embeddings to what the loss has for o. The encoder of a Variational spec gives
// the logarithms of the variances behind the means.
func (a *Autoencoder[T]) Networks() (encoder, decoder bijector.Network[T]) {
	return a.encoder, a.decoder
}

// children are the networks, in the order of Params and of gradients.
func (a *Autoencoder[T]) children() bijector.Children[T] {
	return bijector.Children[T]{{Name: "encoder", Part: a.encoder}, {Name: "decoder", Part: a.decoder}}
}

// Params are the encoder's behind "encoder.", the decoder's behind "decoder.",
// and the "log_scale" of the loss "gaussian".
func (a *Autoencoder[T]) Params() []bijector.Param[T] {
	all := a.children().Params()
	if a.logScale != nil {
		all = append(all, bijector.Param[T]{Name: "log_scale", Shape: []int{1}, Data: a.logScale, NoDecay: true})
	}
	return all
}

// Buffers are named like Params, and "draws" where embeddings are drawn.
func (a *Autoencoder[T]) Buffers() []bijector.Buffer {
	all := a.children().Buffers()
	if a.draws != nil {
		all = append(all, bijector.Buffer{Name: "draws", Shape: []int{1}, Data: a.draws})
	}
	return all
}

// Scale is the deviation of a value about what is decoded for it, as the loss
// "gaussian" learned it; NaN for other losses.
func (a *Autoencoder[T]) Scale() float64 {
	if a.logScale == nil {
		return math.NaN()
	}
	return math.Exp(float64(a.logScale[0]))
}

// Spec is the ConvSpec or DenseSpec it was made from, with defaults filled in,
// and nil for an autoencoder by New.
func (a *Autoencoder[T]) Spec() any { return a.spec }

// Invalidate tells the networks that their state was written to.
func (a *Autoencoder[T]) Invalidate() { a.children().Invalidate() }
