// Marks on the rows of a piece that are not finite.

package rows

import (
	"math"

	"github.com/bijou-flow/bijou/internal/kernel"
)

// Features is a batch in memory, feature-major: feature j is
// Data[j*Stride:][:N]. A bijector.Mat converts to it.
type Features[T kernel.Float] struct {
	Data   []T
	D, N   int
	Stride int
}

// feature is feature j, one value a sample.
func (m Features[T]) feature(j int) []T { return m.Data[j*m.Stride:][:m.N] }

// Fill sets every feature of sample i.
func (m Features[T]) Fill(i int, v T) {
	for j := range m.D {
		m.Data[j*m.Stride+i] = v
	}
}

// IsFinite reports whether v is a number, and no infinity.
func IsFinite[T kernel.Float](v T) bool { return v-v == 0 }

// IsFiniteSample reports whether every feature of sample i is finite.
func IsFiniteSample[T kernel.Float](m Features[T], i int) bool {
	for j := range m.D {
		if !IsFinite(m.Data[j*m.Stride+i]) {
			return false
		}
	}
	return true
}

// allFinite reports whether every value of m is finite.
func allFinite[T kernel.Float](m Features[T]) bool {
	if m.Stride == m.N {
		return kernel.Finite(m.Data[:m.D*m.N])
	}
	for j := range m.D {
		if !kernel.Finite(m.feature(j)) {
			return false
		}
	}
	return true
}

// ZeroNonFinite marks the samples of m that are not finite, or whose entry in
// logDet (nil: no log-dets) is NaN or +Inf, in bad, sets their features to zero
// for whatever computes on, and reports those that were not marked before: row
// 0 of the piece is row lo of the batch. A log-det of -Inf is an answer: a
// density of 0.
func ZeroNonFinite[T kernel.Float](m Features[T], logDet []float64, bad []bool, lo int) (rows Bad) {
	if kernel.Finite(logDet) && allFinite(m) {
		return rows
	}
	for i := range m.N {
		if IsFiniteSample(m, i) && (logDet == nil || logDet[i] < math.Inf(1)) {
			continue
		}
		if !bad[i] {
			bad[i] = true
			rows.Add(lo+i, 1)
		}
		m.Fill(i, 0)
	}
	return rows
}

// MarkOutside sets log-dets of -Inf, those of rows outside a layer's domain, to
// NaN and all others to 0: what a mapped row is to be judged by, unlike its
// density.
func MarkOutside(logDet []float64) {
	for i, v := range logDet {
		if logDet[i] = 0; math.IsInf(v, -1) {
			logDet[i] = math.NaN()
		}
	}
}

// MarkLogProbs is ZeroNonFinite for log-densities, of which -Inf is one, and
// sets those of all marked rows to NaN.
func MarkLogProbs(logp []float64, bad []bool, lo int) (rows Bad) {
	for i, v := range logp {
		if !bad[i] && (math.IsNaN(v) || math.IsInf(v, 1)) {
			bad[i] = true
			rows.Add(lo+i, 1)
		}
		if bad[i] {
			logp[i] = math.NaN()
		}
	}
	return rows
}

// FillNaN sets the marked samples to NaN.
func FillNaN[T kernel.Float](m Features[T], bad []bool) {
	for i, b := range bad[:m.N] {
		if b {
			m.Fill(i, T(math.NaN()))
		}
	}
}

// Store copies the samples of src into rows of dst, row-major, from row lo.
func Store[T kernel.Float](dst []T, src Features[T], lo int) {
	kernel.Transpose(src.D, src.N, src.Data, src.Stride, dst[lo*src.D:], src.D)
}
