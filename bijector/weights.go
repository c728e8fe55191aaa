// Rows that count more or less than others: their weights in a training batch
// and in a calibration set.

package bijector

import "github.com/bijou-flow/bijou/internal/kernel"

// WeightedStepPass is an optional interface of a StepPass whose rows may have
// weights. Training on weighted rows asks for it.
type WeightedStepPass[T Float] interface {
	StepPass[T]
	// StepWeighted is Step where row i has the weight weights[i], a positive
	// number. It sets loss[i] to the loss of row i by itself, and adds to Grads
	// the gradient of
	//
	//	1/n sum_i weights[i] loss[i]
	//
	// over the n rows of the batch. Layers that take moments of the batch weigh
	// the rows likewise: see BatchWeights.
	StepWeighted(x, cond Mat[T], weights, loss []float64)
}

// WeightedCalibrator is an optional interface of a Calibrator whose sample may
// have weights. One without it is handed a sample in which rows are repeated
// or left out in proportion: see CalibrateWeighted.
type WeightedCalibrator[T Float] interface {
	Calibrator[T]
	// CalibrateWeighted is Calibrate where row i counts as weights[i] rows, in
	// any unit: only their ratios matter. nil weights are those of Calibrate.
	CalibrateWeighted(x, cond Mat[T], weights []float64, start bool, w *Workers)
}

// CalibrateWeighted calibrates c on rows with positive weights: by its own
// CalibrateWeighted where it is a WeightedCalibrator, and otherwise by Calibrate
// on as many rows as x has, of which row i is there
//
//	n weights[i] / sum(weights)
//
// times, rounded up or down so that they are n together, in the order of x: a
// systematic sample. With nil weights it is Calibrate.
func CalibrateWeighted[T Float](c Calibrator[T], x, cond Mat[T], weights []float64, start bool, w *Workers) {
	v, ok := c.(WeightedCalibrator[T])
	switch {
	case weights == nil || x.N == 0:
		c.Calibrate(x, cond, start, w)
	case ok:
		v.CalibrateWeighted(x, cond, weights, start, w)
	default:
		order := systematicSample(weights)
		c.Calibrate(gatherSamples(x, order), gatherSamples(cond, order), start, w)
	}
}

// systematicSample is as many rows as there are weights, in their order: row i
// from round(c_i) to round(c_i+1), with c_i the share of the rows before it,
// times n.
func systematicSample(weights []float64) []int {
	n, total, before := len(weights), kernel.Sum(weights), 0.0
	order := make([]int, 0, n)
	for i, v := range weights {
		before += v
		end := int(before/total*float64(n) + 0.5)
		if i == n-1 {
			end = n
		}
		for len(order) < min(end, n) {
			order = append(order, i)
		}
	}
	return order
}

// gatherSamples is a batch of some samples of m; one without features stays so.
func gatherSamples[T Float](m Mat[T], order []int) Mat[T] {
	if m.Empty() {
		return m
	}
	g := NewMat[T](m.D, len(order))
	for j := range m.D {
		src, dst := m.Feature(j), g.Feature(j)
		for i, k := range order {
			dst[i] = src[k]
		}
	}
	return g
}

// BatchWeights are the weights of the rows of the present training batch, for
// layers whose training pass takes moments of the batch, as BatchNorm's does. A
// StepPass hands one to the passes of its layers by PassOptions.WithWeights,
// and sets it before their Forward; containers pass it on with the options.
type BatchWeights struct{ values []float64 }

// Set makes w the weights of the next Forward and its Backward, a positive
// number for each row; nil: all rows count the same. w is not copied.
func (b *BatchWeights) Set(w []float64) { b.values = w }

// Values are the weights as they were set, nil where all rows count the same.
// They need not sum to anything. A nil BatchWeights has none.
func (b *BatchWeights) Values() []float64 {
	if b == nil {
		return nil
	}
	return b.values
}

// WithWeights returns the options of a training pass whose batches have the
// weights that b holds at the time.
func (o PassOptions) WithWeights(b *BatchWeights) PassOptions {
	o.weights = b
	return o
}

// Weights is what WithWeights set, or nil. A GradPass keeps it, and reads its
// Values in each call.
func (o PassOptions) Weights() *BatchWeights { return o.weights }

// rowShares sets dst to the weights as parts of 1 among all values of a channel
// of so many pixels: dst[i] is that of each of the pixels of row i.
func rowShares(dst, weights []float64, pixels int) {
	total := kernel.Sum(weights) * float64(pixels)
	for i, v := range weights {
		dst[i] = v / total
	}
}

// sharesOf is rowShares in memory of its own, and nil for nil weights.
func sharesOf(weights []float64, pixels int) []float64 {
	if weights == nil {
		return nil
	}
	shares := make([]float64, len(weights))
	rowShares(shares, weights, pixels)
	return shares
}
