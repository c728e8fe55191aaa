// Means of what shards come to, the same to the bit in any order.

package bijoubeam

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"math"
	"math/bits"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/bijou-flow/bijou/bijector"
)

// shardResult is what a shard comes to.
type shardResult struct {
	Rows   int64
	Loss   float64
	Values []float32 // parameters, then Adam's first moments and the roots of its second ones
	Floats []float64 // statistics of batches
}

// meanSum are sums of rows times values, in units of 2^-64: whole numbers, whose sum
// does not depend on the order as that of floating-point numbers does.
type meanSum struct {
	Rows   int64
	Shards int
	Bytes  int64
	High   []int64
	Low    []uint64
}

// meanFn averages.
type meanFn struct{}

// CreateAccumulator is a mean of nothing.
func (*meanFn) CreateAccumulator() meanSum { return meanSum{} }

// AddInput adds a shard: its loss, values and statistics.
func (*meanFn) AddInput(a meanSum, r shardResult) (meanSum, error) {
	n := 1 + len(r.Values) + len(r.Floats)
	if a.Shards == 0 {
		a.High, a.Low = make([]int64, n), make([]uint64, n)
	}
	if len(a.High) != n {
		return a, fmt.Errorf("bijoubeam: shards of %d and of %d values: %w", len(a.High), n, ErrFit)
	}
	a.Rows, a.Shards, a.Bytes = a.Rows+r.Rows, a.Shards+1, a.Bytes+int64(4*len(r.Values)+8*len(r.Floats))
	for i := range n {
		v := r.Loss
		if i > len(r.Values) {
			v = r.Floats[i-1-len(r.Values)]
		} else if i > 0 {
			v = float64(r.Values[i-1])
		}
		high, low, ok := fixed(v * float64(r.Rows))
		if !ok {
			return a, fmt.Errorf("bijoubeam: a shard of %d rows came to the value %v: training diverged; take a lower rate, or ClipNorm: %w", r.Rows, v, bijector.ErrNonFinite)
		}
		a.add(i, high, low)
	}
	return a, nil
}

// MergeAccumulators adds the sums of b to those of a.
func (*meanFn) MergeAccumulators(a, b meanSum) (meanSum, error) {
	switch {
	case a.Shards == 0:
		return b, nil
	case b.Shards == 0:
		return a, nil
	case len(a.High) != len(b.High):
		return a, fmt.Errorf("bijoubeam: shards of %d and of %d values: %w", len(a.High), len(b.High), ErrFit)
	}
	a.Rows, a.Shards, a.Bytes = a.Rows+b.Rows, a.Shards+b.Shards, a.Bytes+b.Bytes
	for i := range a.High {
		a.add(i, b.High[i], b.Low[i])
	}
	return a, nil
}

// add adds to sum i.
func (a *meanSum) add(i int, high int64, low uint64) {
	sum, carry := bits.Add64(a.Low[i], low, 0)
	a.Low[i], a.High[i] = sum, a.High[i]+high+int64(carry)
}

// ExtractOutput are the sums.
func (*meanFn) ExtractOutput(a meanSum) meanSum { return a }

// means are the values.
func (a *meanSum) means() []float64 {
	values := make([]float64, len(a.High))
	for i := range values {
		values[i] = real64(a.High[i], a.Low[i]) / float64(a.Rows)
	}
	return values
}

func (a *meanSum) loss() float64 {
	if len(a.High) == 0 {
		return math.NaN()
	}
	return real64(a.High[0], a.Low[0]) / float64(a.Rows)
}

// fixed is v in units of 2^-64, as a whole number of 128 bits, rounded towards 0. It
// says no to what is not finite, or so large that sums overflow.
func fixed(v float64) (high int64, low uint64, ok bool) {
	const most = 1 << 50
	if !(math.Abs(v) < most) {
		return 0, 0, false
	}
	fraction, e := math.Frexp(math.Abs(v))
	m := uint64(fraction * (1 << 53)) // |v| = m 2^(e-53)
	switch shift := e - 53 + 64; {
	case shift <= -64:
	case shift < 0:
		low = m >> -shift
	case shift < 64:
		low, high = m<<shift, int64(m>>(64-shift))
	default:
		high = int64(m << (shift - 64))
	}
	if v < 0 {
		low = -low
		if high = ^high; low == 0 {
			high++
		}
	}
	return high, low, true
}

// real64 is the number.
func real64(high int64, low uint64) float64 {
	if high >= 0 {
		return float64(high) + math.Ldexp(float64(low), -64)
	}
	if low = -low; low == 0 {
		return float64(high)
	}
	return -(float64(^high) + math.Ldexp(float64(low), -64))
}

func encodeGob[V any](v V) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func decodeGob[V any](raw []byte) (v V, err error) {
	err = gob.NewDecoder(bytes.NewReader(raw)).Decode(&v)
	return v, err
}

// keepMeanFn writes the sums of a flow's shards.
type keepMeanFn struct{ Path string }

func (f *keepMeanFn) ProcessElement(ctx context.Context, member int, mean meanSum) error {
	return writeSealed(ctx, memberPath(f.Path, member), mean)
}

func readMean(ctx context.Context, path string) (*meanSum, error) {
	mean, err := readSealed[meanSum](ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%w; has the pipeline ended?", err)
	}
	fs, err := filesystem.New(ctx, path)
	if err != nil {
		return nil, err
	}
	defer fs.Close()
	if remover, ok := fs.(filesystem.Remover); ok {
		err = remover.Remove(ctx, path)
	}
	return &mean, err
}
