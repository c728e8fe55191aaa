// Embedding all rows of a source, batch by batch.

package latent

import (
	"context"
	"errors"
	"fmt"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// readBatches calls with rows lo to hi of a source, batch by batch, and their
// contexts; nil where there are none.
func readBatches[T bijector.Float](ctx context.Context, data train.Source, batch int, with func(lo, hi int, x, context *bijector.Rows[T]) error) error {
	n, ids := data.Len(), make([]int, 0, batch)
	for lo := 0; lo < n; lo += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+batch, n)
		ids = ids[:0]
		for i := lo; i < hi; i++ {
			ids = append(ids, i)
		}
		x := bijector.NewRows[T](hi-lo, data.Dim())
		var c *bijector.Rows[T]
		var dense *tensor.Dense
		if d := data.ContextDim(); d > 0 {
			c = bijector.NewRows[T](hi-lo, d)
			dense = c.Dense()
		}
		if err := data.Read(ids, x.Dense(), dense); err != nil {
			return fmt.Errorf("latent: reading rows %d to %d: %w", lo, hi-1, err)
		}
		if err := with(lo, hi, x, c); err != nil {
			return err
		}
	}
	return nil
}

// embedAll are the embeddings of all rows. A row without one is an error.
func embedAll[T bijector.Float](ctx context.Context, e autoencoder.Encoder[T], data train.Source, o Options) (*bijector.Rows[T], error) {
	n := data.Len()
	var all []T
	width := 0
	err := readBatches(ctx, data, o.Batch, func(lo, hi int, x, _ *bijector.Rows[T]) error {
		z, err := e.Encode(x)
		var row *bijector.RowError
		switch {
		case errors.As(err, &row):
			return fmt.Errorf("latent: row %d (counted from 0) has no embedding; leave it out: %w", lo+row.Row, err)
		case err != nil:
			return fmt.Errorf("latent: embedding rows %d to %d: %w", lo, hi-1, err)
		case z == nil || z.Len() != hi-lo || width > 0 && z.Dim() != width:
			return fmt.Errorf("latent: the encoder (%T) gives %d rows another number of embeddings, or of values than before: %w", e, hi-lo, bijector.ErrShape)
		}
		width = z.Dim()
		all = append(all, z.Values()...)
		if o.Progress != nil {
			o.Progress(hi, n)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return bijector.RowsOf(all, n, width)
}

// contextsOf are the contexts of all rows, nil where there are none.
func contextsOf[T bijector.Float](ctx context.Context, data train.Source, o Options) (*bijector.Rows[T], error) {
	if data.ContextDim() == 0 {
		return nil, nil
	}
	all := bijector.NewRows[T](data.Len(), data.ContextDim())
	err := readBatches(ctx, data, o.Batch, func(lo, _ int, _, c *bijector.Rows[T]) error {
		copy(all.Values()[lo*all.Dim():], c.Values())
		return nil
	})
	return all, err
}

// some are rows of x by their numbers.
func some[T bijector.Float](x *bijector.Rows[T], ids []int) *bijector.Rows[T] {
	if x == nil {
		return nil
	}
	y := bijector.NewRows[T](len(ids), x.Dim())
	for i, id := range ids {
		copy(y.Row(i), x.Row(id))
	}
	return y
}
