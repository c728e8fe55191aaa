// Fit: from an encoder and rows to a density with a threshold, in one call.

package latent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/train"
)

// Fit fits a density to the embeddings of the rows of a source, given their contexts
// where it has them, as the package's documentation describes. Embeddings of all
// rows are held in memory, the rows are not.
//
// It returns an error for options that describe no fit, for a source that cannot be
// read, for a row that the encoder has no embedding of, and those of auto.Fit. Where
// ctx ends while densities are being compared, the error is its own, beside a model of
// the runs that had ended by then, if there were any.
func Fit[T bijector.Float](ctx context.Context, encoder autoencoder.Encoder[T], data train.Source, o Options) (*autoencoder.Latent[T], *Report, error) {
	switch {
	case nilcheck.IsNil(ctx):
		return nil, nil, fmt.Errorf("latent: no context; context.Background() will do: %w", ErrOptions)
	case nilcheck.IsNil(encoder) || nilcheck.IsNil(data):
		return nil, nil, fmt.Errorf("latent: no encoder or no data: %w", ErrOptions)
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	if err := checkSource(data); err != nil {
		return nil, nil, err
	}
	r, start := &Report{Rows: data.Len()}, time.Now()
	z, err := cachedEmbeddings(ctx, encoder, data, o, r)
	if err != nil {
		return nil, nil, err
	}
	contexts, err := contextsOf[T](ctx, data, o)
	if err != nil {
		return nil, nil, err
	}
	r.EmbedTime = time.Since(start)
	model, err := fitEmbeddings(ctx, encoder, z, contexts, o, r)
	if model == nil {
		return nil, nil, err
	}
	r.Time = time.Since(start)
	return model, r, err
}

// fitEmbeddings fits the density and calibrates it.
func fitEmbeddings[T bijector.Float](ctx context.Context, encoder autoencoder.Encoder[T], z, contexts *bijector.Rows[T], o Options, r *Report) (*autoencoder.Latent[T], error) {
	order := rand.New(rand.NewPCG(o.Auto.Seed, 0x6c6174656e74)).Perm(z.Len())
	held := o.calibrationRows(z.Len())
	out, in := slices.Sorted(slices.Values(order[:held])), slices.Sorted(slices.Values(order[held:]))
	rows := some(z, in)
	pca, reduction, err := reduce(rows, o)
	if err != nil {
		return nil, fmt.Errorf("latent: principal components: %w", err)
	}
	r.Reduction = reduction
	if pca != nil {
		if encoder, err = autoencoder.NewChain[T](encoder, pca); err != nil {
			return nil, err
		}
		if rows, err = pca.Encode(rows); err != nil {
			return nil, fmt.Errorf("latent: principal components: %w", err)
		}
	}
	source := train.Tensor(rows)
	if contexts != nil {
		source = source.Given(some(contexts, in))
	}
	mixture, chosen, ended := auto.Fit[T](ctx, source, o.Auto)
	if mixture == nil {
		return nil, ended
	}
	r.Density = chosen
	for i := range chosen.LeastLikely { // rows of the source in the place of those of the part
		chosen.LeastLikely[i].Row = in[chosen.LeastLikely[i].Row]
	}
	for i, row := range chosen.Trimmed {
		chosen.Trimmed[i] = in[row]
	}
	model, err := join(encoder, mixture)
	if err != nil {
		return nil, err
	}
	model, err = calibrate(model, pca, some(z, out), some(contexts, out), o, r)
	if err != nil {
		return nil, errors.Join(ended, err)
	}
	return model, ended
}

// join makes a Latent, of one flow where the mixture has one.
func join[T bijector.Float](encoder autoencoder.Encoder[T], mixture *flow.Ensemble[T]) (*autoencoder.Latent[T], error) {
	if all := mixture.Flows(); len(all) == 1 {
		return autoencoder.NewLatent(encoder, nil, all[0])
	}
	return autoencoder.NewLatentEnsemble(encoder, nil, mixture)
}

// calibrate gives the model the log-densities of the rows that are held out, by their
// embeddings z.
func calibrate[T bijector.Float](m *autoencoder.Latent[T], pca *autoencoder.PCA[T], z, contexts *bijector.Rows[T], o Options, r *Report) (*autoencoder.Latent[T], error) {
	var err error
	if pca != nil {
		if z, err = pca.Encode(z); err != nil {
			return nil, fmt.Errorf("latent: principal components: %w", err)
		}
	}
	scores := make([]float64, z.Len())
	score := func(d interface {
		LogProbRows(dst []float64, x []T) error
		LogProbRowsGiven(dst []float64, x, contexts []T) error
	},
	) error {
		if contexts == nil {
			return d.LogProbRows(scores, z.Values())
		}
		return d.LogProbRowsGiven(scores, z.Values(), contexts.Values())
	}
	if e := m.Ensemble(); e != nil {
		err = score(e)
	} else {
		err = score(m.Flow())
	}
	if err != nil {
		return nil, fmt.Errorf("latent: scores of the calibration rows: %w", err)
	}
	if m, err = m.WithScores(scores); err != nil {
		return nil, fmt.Errorf("latent: scores of the calibration rows: %w", err)
	}
	r.Calibrated, r.Alarm = len(scores), o.Alarm
	if r.Alarm == 0 {
		r.Alarm = max(defaultAlarm, 1/float64(len(scores)+1))
	}
	for _, v := range scores {
		r.Held += v / float64(len(scores))
	}
	if r.Threshold, err = m.Threshold(r.Alarm); err != nil {
		r.Threshold = math.NaN()
		return nil, fmt.Errorf("latent: an alarm for a share of %v of normal rows: %w: %w", r.Alarm, err, ErrOptions)
	}
	return m, nil
}
