// Dequantisation: fresh noise below the steps of discrete data, every epoch.

package train

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/random"
)

// EpochSetter is an optional interface of a Source whose rows differ from one
// epoch to the next. Fit calls SetEpoch before the first read of each epoch of
// its training data: 1, 2, and so on. What is read before (to calibrate
// layers), and what belongs to no training (a Source of validation data alone,
// Evaluate), is epoch 0.
type EpochSetter interface{ SetEpoch(epoch int) }

// Dequantized is a Source of discrete values with uniform noise between them.
type Dequantized struct {
	src    Source
	levels int
	seed   uint64
	epoch  uint64
	pcg    rand.PCG
}

// Dequantize adds noise to data that takes one of levels values, such as the
// 256 of a byte, so that a density of continuous values can be fitted to it:
//
//	x = (v + u) / levels,  u uniform on [0, 1),
//
// for v = 0 ... levels-1, which src holds as v/(levels-1), from 0 to 1: the
// way images come, and integers once they are divided (Theis, van den Oord and
// Bethge 2016, arXiv 1511.01844, section 3.1). Without noise such a density
// grows without bound. flow.BitsPerDim tells what the log-density of
// x says about v.
//
// The noise is new in every epoch, and depends on seed, epoch and row alone:
// neither on the order of the rows nor on what was read before. As validation
// data, a Dequantized has the same noise in every epoch.
//
// u has as many bits as v+u can hold, so that x stays below 1, and is the same
// in both element types but for the bits that float32 cuts off. Read allocates
// nothing itself. It returns ErrOptions for levels below 2 or above 65536, and
// bijector.ErrShape for a value that is no level; a NaN stays one.
func Dequantize(src Source, levels int, seed uint64) *Dequantized {
	return &Dequantized{src: src, levels: levels, seed: seed}
}

// Len is the number of rows.
func (d *Dequantized) Len() int { return d.src.Len() }

// Dim is the number of values in a row.
func (d *Dequantized) Dim() int { return d.src.Dim() }

// ContextDim is the number of values in a row's context, which gets no noise.
func (d *Dequantized) ContextDim() int { return d.src.ContextDim() }

// SetEpoch makes the noise that of an epoch, here and in the source below.
func (d *Dequantized) SetEpoch(epoch int) {
	d.epoch = uint64(epoch)
	setEpoch(d.src, epoch)
}

// setEpoch tells a source the epoch, if it cares.
func setEpoch(s Source, epoch int) {
	if r, ok := userSource(s).(EpochSetter); ok {
		r.SetEpoch(epoch)
	}
}

// Read reads rows of the source and adds their noise.
func (d *Dequantized) Read(rows []int, x, context *tensor.Dense) error {
	if d.levels < 2 || d.levels > 1<<16 {
		return fmt.Errorf("train: data of %d levels to dequantise, want 2 to 65536: %w", d.levels, ErrOptions)
	}
	if err := d.src.Read(rows, x, context); err != nil {
		return err
	}
	if x.Dtype() == tensor.Float32 {
		return addNoise(d, x.Float32s(), 24, rows)
	}
	return addNoise(d, x.Float64s(), 53, rows)
}

// addNoise adds noise to rows of values of so many digits.
func addNoise[T bijector.Float](d *Dequantized, x []T, digits int, rows []int) error {
	digits -= bits.Len(uint(d.levels - 1)) // of u
	top, unit := float64(d.levels-1), math.Ldexp(1, -digits)
	width := len(x) / len(rows)
	for i, row := range rows {
		d.pcg.Seed(random.Mix(d.seed+random.Mix(uint64(row))), random.Mix(d.epoch))
		values := x[i*width : (i+1)*width]
		for j, have := range values {
			at := float64(have) * top
			v := math.Round(at)
			if !(math.Abs(at-v) < 0.01 && v >= 0 && v <= top) && at == at {
				return fmt.Errorf("train: row %d has the value %v, which is none of %d levels from 0 to 1: %w", row, have, d.levels, bijector.ErrShape)
			}
			u := float64(d.pcg.Uint64()>>(64-digits)) * unit
			values[j] = T(v+u) / T(d.levels)
		}
	}
	return nil
}
