// Embeddings on the disk, keyed by what was embedded and by what.

package latent

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

// cachedEmbeddings are the embeddings of all rows, read from the cache if they are
// there, and written to it if they are not.
func cachedEmbeddings[T bijector.Float](ctx context.Context, e autoencoder.Encoder[T], data train.Source, o Options, r *Report) (*bijector.Rows[T], error) {
	if o.Cache == "" {
		return embedAll(ctx, e, data, o)
	}
	key, err := cacheKey(ctx, e, data, o)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(o.Cache, key+".safetensors")
	if z := readEmbeddings[T](path, data.Len()); z != nil {
		r.Cached = true
		return z, nil
	}
	z, err := embedAll(ctx, e, data, o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Cache, 0o777); err != nil {
		return nil, fmt.Errorf("latent: the cache: %w", err)
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		return safetensors.WriteSealed(w, []safetensors.Item{{Name: embeddingsName, Shape: []int{z.Len(), z.Dim()}, Data: z.Values()}}, map[string]string{"format": cacheFormat})
	})
	if err != nil {
		return nil, fmt.Errorf("latent: the cache: %w", err)
	}
	return z, nil
}

const (
	embeddingsName = "embeddings"
	cacheFormat    = "bijou embeddings 1"
)

// cacheKey is the digest of the encoder, by its spec and its state, and of the rows.
func cacheKey[T bijector.Float](ctx context.Context, e autoencoder.Encoder[T], data train.Source, o Options) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%T\n%q\n", cacheFormat, *new(T), o.CacheKey)
	if s, ok := e.(bijector.Stateful[T]); ok {
		spec, err := registry.MarshalSpec(s)
		if err != nil && o.CacheKey == "" {
			return "", fmt.Errorf("latent: a cache of the embeddings of a %T, which has no registered spec; name it and its version by Options.CacheKey: %w: %w", e, err, ErrOptions)
		}
		fmt.Fprintf(sum, "%s\n", spec)
		for _, p := range s.Params() {
			addFloats(sum, p.Data)
		}
		for _, b := range s.Buffers() {
			switch d := b.Data.(type) {
			case []float64:
				addFloats(sum, d)
			case []int64:
				fmt.Fprintln(sum, d)
			}
		}
	} else if o.CacheKey == "" {
		return "", fmt.Errorf("latent: a cache of the embeddings of a %T, which has no state and no spec; name it and its version by Options.CacheKey: %w", e, ErrOptions)
	}
	fmt.Fprintf(sum, "%d rows of %d\n", data.Len(), data.Dim())
	err := readBatches(ctx, data, o.Batch, func(_, _ int, x, _ *bijector.Rows[T]) error {
		addFloats(sum, x.Values())
		return nil
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// addFloats adds the bits of values to a digest.
func addFloats[T bijector.Float](sum hash.Hash, values []T) {
	var b []byte
	for len(values) > 0 {
		n := min(len(values), 4096)
		b = b[:0]
		for _, v := range values[:n] {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(v)))
		}
		sum.Write(b)
		values = values[n:]
	}
}

// readEmbeddings reads a file of the cache. One that is not there, or damaged, or
// another's is as good as none, and is written anew.
func readEmbeddings[T bijector.Float](path string, n int) *bijector.Rows[T] {
	f, err := input.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	z, err := decodeEmbeddings[T](f, n)
	if err != nil {
		return nil
	}
	return z
}

var errOtherFile = errors.New("no file of embeddings")

func decodeEmbeddings[T bijector.Float](f *input.File, n int) (*bijector.Rows[T], error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h, err := safetensors.ReadHeader(f, info.Size())
	if err != nil {
		return nil, err
	}
	format, _ := h.Get("format")
	if format != cacheFormat || len(h.Tensors) != 1 || len(h.Tensors[0].Shape()) != 2 || h.Tensors[0].Shape()[0] != n {
		return nil, errOtherFile
	}
	seal, err := safetensors.NewSeal(h, f)
	if err != nil {
		return nil, err
	}
	z := bijector.NewRows[T](n, h.Tensors[0].Shape()[1])
	err = safetensors.ReadFloats(&safetensors.ValueReader{R: seal}, h.Tensors[0], z.Values())
	return z, seal.Close(err)
}
