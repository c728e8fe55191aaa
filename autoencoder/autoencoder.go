// Autoencoder: an encoder and a decoder that are trained together.

package autoencoder

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/rows"
)

// Autoencoder is an encoder and a decoder that are trained together to give
// back what went in. Data has values in [0, 1]; the decoder gives logits, and
// the loss of a row is the binary cross-entropy of its d values,
//
//	1/d sum_j softplus(o_j) - o_j x_j,  in nats a value,
//
// the mean over values, whose mean over rows is what PyTorch's
// BCEWithLogitsLoss returns. Train it with train.Fit: on MNIST, Adam at 1e-3
// with weight decay 1e-5 and batches of 100 serve well.
//
// An Autoencoder may be used by several goroutines at once while nobody trains
// it. Calls with more rows than 128 run on all cores.
type Autoencoder[T bijector.Float] struct {
	encoder, decoder bijector.Network[T]
	spec             any
	encode, decode   rowTransform[T]
	losses           rows.Pool[*lossSession[T]]
}

// New makes an autoencoder of two maps: encoder from data to embeddings,
// decoder from embeddings to logits of data. It has no spec; NewConv and
// NewDense make autoencoders that can be saved.
func New[T bijector.Float](encoder, decoder bijector.Network[T]) (*Autoencoder[T], error) {
	if nilcheck.IsNil(encoder) || nilcheck.IsNil(decoder) {
		return nil, fmt.Errorf("autoencoder: encoder or decoder is nil: %w", bijector.ErrSpec)
	}
	if encoder.Out() != decoder.In() || encoder.In() != decoder.Out() {
		return nil, fmt.Errorf("autoencoder: the encoder maps %d features to %d, the decoder %d to %d; want one to undo the other: %w",
			encoder.In(), encoder.Out(), decoder.In(), decoder.Out(), bijector.ErrShape)
	}
	a := &Autoencoder[T]{encoder: encoder, decoder: decoder}
	a.encode.in, a.encode.out, a.encode.newApply = encoder.In(), encoder.Out(), a.newEncodeFn
	a.decode.in, a.decode.out, a.decode.newApply = decoder.In(), decoder.Out(), a.newDecodeFn
	return a, nil
}

// Dim is the number of values of a row of data.
func (a *Autoencoder[T]) Dim() int { return a.encoder.In() }

// Embedding is the number of values of an embedding.
func (a *Autoencoder[T]) Embedding() int { return a.encoder.Out() }

// SetParallelism bounds the goroutines of Encode, Decode and Loss; n below 1 means
// GOMAXPROCS, as at the start. Results do not depend on it.
func (a *Autoencoder[T]) SetParallelism(n int) {
	a.encode.pool.SetParallelism(n)
	a.decode.pool.SetParallelism(n)
	a.losses.SetParallelism(n)
}

// Encode maps data, shape (n, d) or images (n, c, h, w) with c*h*w = d, to
// embeddings (n, e). Rows with a NaN or an infinity have NaN embeddings and
// are named by a bijector.RowError; the others are unaffected.
func (a *Autoencoder[T]) Encode(x tensor.Tensor) (*bijector.Rows[T], error) { return a.encode.run(x) }

// Decode maps embeddings (n, e) to data (n, d): the sigmoid of the decoder's
// logits, in [0, 1]. Rows that are not finite are treated as by Encode.
func (a *Autoencoder[T]) Decode(z tensor.Tensor) (*bijector.Rows[T], error) { return a.decode.run(z) }

// Reconstruct decodes what it encodes: shape (n, d), values in [0, 1].
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
	return func(y, x bijector.Mat[T]) { p.Forward(y, x, 0, x.N) }
}

func (a *Autoencoder[T]) newDecodeFn() func(y, x bijector.Mat[T]) {
	p := a.decoder.NewNetworkPass(bijector.PassOptions{MaxBatch: rows.Size})
	return func(y, x bijector.Mat[T]) {
		p.Forward(y, x, 0, x.N)
		for j := range y.D {
			kernel.Sigmoid(y.Feature(j), y.Feature(j))
		}
	}
}

// Networks are the encoder, from data to embeddings, and the decoder, from
// embeddings to logits.
func (a *Autoencoder[T]) Networks() (encoder, decoder bijector.Network[T]) {
	return a.encoder, a.decoder
}

// children are the networks, in the order of Params and of gradients.
func (a *Autoencoder[T]) children() bijector.Children[T] {
	return bijector.Children[T]{{Name: "encoder", Part: a.encoder}, {Name: "decoder", Part: a.decoder}}
}

// Params are the encoder's behind "encoder." and the decoder's behind
// "decoder.".
func (a *Autoencoder[T]) Params() []bijector.Param[T] { return a.children().Params() }

// Buffers are named like Params.
func (a *Autoencoder[T]) Buffers() []bijector.Buffer { return a.children().Buffers() }

// Spec is the ConvSpec or DenseSpec it was made from, with defaults filled in,
// and nil for an autoencoder by New.
func (a *Autoencoder[T]) Spec() any { return a.spec }

// Invalidate tells the networks that their state was written to.
func (a *Autoencoder[T]) Invalidate() { a.children().Invalidate() }
