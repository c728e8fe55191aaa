// Model: a schema and a density of its encoded rows.

package table

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// Model is a density of the rows of a table: a schema, and flows over its
// encoded rows that are averaged in probability,
//
//	p(row) = sum_k w_k p_k(codes) / prod scale_j,
//
// where the product is over the numbers of the row that have a density (LogScale of
// the schema), so that log-densities are in the units of the data: nats, over
// counting measure for values with a probability of their own and Lebesgue
// measure for the rest. Fit makes one of flows over an autoregressive.Mixed. Its
// rows are what Schema.Encode makes, row-major, one value a column.
//
// It is saved with registry.Save, and loaded with
// registry.Load[*table.Model[float32]]. A Model may be used by several
// goroutines at once.
type Model[T bijector.Float] struct {
	schema      *Schema
	density     *flow.Ensemble[T]
	mixed       []*autoregressive.Mixed[T] // the bases of the flows; nil where one has another
	logScales   []float64
	scores      []float64         // of the calibration rows, rising
	calibration *flow.Calibration // nil: none
	usual       []float64         // terms of the columns' atoms, and of their continuous parts; nil: not known
	surprises   []float64         // of the calibration rows, negative and rising
	surprising  *flow.Calibration // nil: none
	buffers     *sync.Pool        // of *[]T
}

// NewModel joins a schema with a density of its encoded rows, and the scores of
// rows that it was not fitted to, their log-densities in the units of the data;
// nil where there are none. Any flow whose features are the schema's columns will do:
// one over another base than a Mixed takes all values for numbers with a density.
func NewModel[T bijector.Float](s *Schema, density *flow.Ensemble[T], scores []float64) (*Model[T], error) {
	if s == nil || density == nil {
		return nil, fmt.Errorf("table: a model without a schema or without a density: %w", bijector.ErrSpec)
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if d := density.Dim(); d != len(s.Columns) || density.ContextDim() != 0 {
		return nil, fmt.Errorf("table: a density of %d features with %d of context for a schema of %d columns, want one a column and no context: %w", d, density.ContextDim(), len(s.Columns), bijector.ErrShape)
	}
	m := &Model[T]{schema: s, density: density, buffers: &sync.Pool{New: func() any { return new([]T) }}}
	for j := range s.Columns {
		m.logScales = append(m.logScales, s.LogScale(j))
	}
	for k, f := range density.Flows() {
		base, ok := f.Base().(*autoregressive.Mixed[T])
		same, reorders := f.Layer().(bijector.Reorderer)
		if !ok || !reorders || !slices.IsSorted(same.Indices()) {
			m.mixed = nil
			break
		}
		if err := m.checkColumns(base); err != nil {
			return nil, fmt.Errorf("table: flow %d: %w", k, err)
		}
		m.mixed = append(m.mixed, base)
	}
	m.scores = slices.Clone(scores)
	return m, m.calibrate()
}

// checkColumns compares a density's atoms with what the schema encodes.
func (m *Model[T]) checkColumns(base *autoregressive.Mixed[T]) error {
	for j, c := range base.Spec().(autoregressive.MixedSpec).Columns {
		if want := len(m.schema.atoms(j)); len(c.Atoms) != want {
			return fmt.Errorf("column %s has %d atoms in the density and %d in the schema: %w", quoted(m.schema.Columns[j].Name), len(c.Atoms), want, bijector.ErrSpec)
		}
	}
	return nil
}

// atoms are the codes of column j that have a probability of their own, a missing cell's
// last.
func (s *Schema) atoms(j int) []float64 {
	coding := s.Coding(j)
	if coding.HasMissing {
		return append(coding.Atoms, Missing)
	}
	return coding.Atoms
}

// calibrate makes the calibration of the scores.
func (m *Model[T]) calibrate() (err error) {
	m.calibration = nil
	if len(m.scores) > 0 {
		if m.calibration, err = flow.NewCalibration(m.scores); err != nil {
			return err
		}
		copy(m.scores, m.calibration.Scores())
	}
	return nil
}

// Schema is that of the rows. It is not to be changed.
func (m *Model[T]) Schema() *Schema { return m.schema }

// Density is that of the encoded rows.
func (m *Model[T]) Density() *flow.Ensemble[T] { return m.density }

// Dim is the number of columns.
func (m *Model[T]) Dim() int { return len(m.schema.Columns) }

// Orders are the columns of each flow in the order in which they depend on each
// other; nil where the density is not made of Mixed distributions.
func (m *Model[T]) Orders() [][]int {
	var all [][]int
	for _, base := range m.mixed {
		all = append(all, base.Order())
	}
	return all
}

// Calibration is made of the scores of rows that the model was not fitted to: a row's conformal
// p-value is Calibration().PValue of its log-density. It is nil for a model without
// them.
func (m *Model[T]) Calibration() *flow.Calibration { return m.calibration }

// ModelSpec describes a Model.
type ModelSpec struct {
	Schema  *Schema           `json:"schema"`
	Density flow.EnsembleSpec `json:"density"`
	// Scores is the number of calibration scores that are saved.
	Scores int `json:"scores,omitempty"`
	// Usual says that the usual terms of the columns are saved, two for each, and as
	// many surprises as scores: see Model.Surprise.
	Usual bool `json:"usual,omitempty"`
}

// Values is the number of scores, surprises and usual terms; the density counts for itself. See
// registry.Sizer.
func (s ModelSpec) Values() float64 {
	if s.Usual && s.Schema != nil {
		return 2 * (float64(s.Scores) + float64(len(s.Schema.Columns)))
	}
	return float64(s.Scores)
}

// BuildModel makes a Model from its spec, with scores of 0 until they are loaded.
func BuildModel[T bijector.Float](s ModelSpec, b flow.EnsembleBuilder[T]) (*Model[T], error) {
	if nilcheck.IsNil(b) {
		return nil, fmt.Errorf("table: a model without a builder of its density: %w", bijector.ErrSpec)
	}
	if s.Scores < 0 || s.Scores > 1<<26 {
		return nil, fmt.Errorf("table: a model of %d scores, want 0 to %d: %w", s.Scores, 1<<26, bijector.ErrSpec)
	}
	density, err := flow.BuildEnsemble(s.Density, b)
	if err != nil {
		return nil, err
	}
	m, err := NewModel(s.Schema, density, make([]float64, s.Scores))
	if err == nil && s.Usual {
		if err = m.checkMixed(); err == nil {
			m.usual, m.surprises = make([]float64, 2*m.Dim()), make([]float64, s.Scores)
			err = m.calibrateSurprises()
		}
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Spec is the ModelSpec.
func (m *Model[T]) Spec() any {
	return ModelSpec{Schema: m.schema, Density: m.density.Spec().(flow.EnsembleSpec), Scores: len(m.scores), Usual: len(m.usual) > 0}
}

// Params are those of the density.
func (m *Model[T]) Params() []bijector.Param[T] { return m.density.Params() }

// Buffers are those of the density, and "scores", "usual" and "surprises" where there are any.
func (m *Model[T]) Buffers() []bijector.Buffer {
	all := m.density.Buffers()
	if len(m.scores) > 0 {
		all = append(all, bijector.Buffer{Name: "scores", Shape: []int{len(m.scores)}, Data: m.scores})
	}
	if len(m.usual) > 0 {
		all = append(all, bijector.Buffer{Name: "usual", Shape: []int{2, m.Dim()}, Data: m.usual})
	}
	if len(m.surprises) > 0 {
		all = append(all, bijector.Buffer{Name: "surprises", Shape: []int{len(m.surprises)}, Data: m.surprises})
	}
	return all
}

// Invalidate tells the parts that their state was written to.
func (m *Model[T]) Invalidate() { m.density.Invalidate() }

// Validate returns an error where the state of the density is not usable, or a
// score is no log-density.
func (m *Model[T]) Validate() error {
	if err := m.density.Validate(); err != nil {
		return err
	}
	if err := m.calibrateSurprises(); err != nil {
		return err
	}
	return m.calibrate()
}

// check returns the number of rows of codes.
func (m *Model[T]) check(codes []float64) (int, error) {
	d := m.Dim()
	if len(codes) == 0 || len(codes)%d != 0 {
		return 0, fmt.Errorf("table: %d values, want a positive multiple of %d, one for each column of every row: %w", len(codes), d, bijector.ErrShape)
	}
	return len(codes) / d, nil
}

// checkMixed says that the density takes all values for numbers.
func (m *Model[T]) checkMixed() error {
	if m.mixed == nil {
		return fmt.Errorf("table: the density has no columns of its own, want one of autoregressive.Mixed distributions: %w", bijector.ErrSpec)
	}
	return nil
}

// convert returns codes in T, which release takes back.
func (m *Model[T]) convert(codes []float64) *[]T {
	b := m.buffers.Get().(*[]T)
	*b = slices.Grow((*b)[:0], len(codes))[:len(codes)]
	for i, v := range codes {
		(*b)[i] = T(v)
	}
	return b
}

func (m *Model[T]) release(b *[]T) { m.buffers.Put(b) }

// scale is what the value v of column j takes from the log-density of codes.
func (m *Model[T]) scale(j int, v T) float64 {
	s := m.logScales[j]
	if s == 0 || m.mixed != nil && m.mixed[0].IsAtom(j, v) {
		return 0
	}
	return s
}

// LogProb is the log-density of each row of codes (n rows, row-major), in nats
// and in the units of the data; -Inf for a row with a value that its column does not have.
// A row with a NaN or an infinity has NaN and is named by a bijector.RowError.
func (m *Model[T]) LogProb(codes []float64) ([]float64, error) {
	n, err := m.check(codes)
	if err != nil {
		return nil, err
	}
	logp := make([]float64, n)
	return logp, m.LogProbInto(logp, codes)
}

// LogProbInto is LogProb into dst, one value a row. It does not allocate, once
// the model has been used.
func (m *Model[T]) LogProbInto(dst, codes []float64) error {
	n, err := m.check(codes)
	if err != nil {
		return err
	}
	if len(dst) != n {
		return fmt.Errorf("table: a destination of %d values for %d rows, want one a row: %w", len(dst), n, bijector.ErrShape)
	}
	x := m.convert(codes)
	defer m.release(x)
	err = m.density.LogProbRows(dst, *x)
	for j := range m.logScales {
		if m.logScales[j] == 0 {
			continue
		}
		for i := range dst {
			dst[i] -= m.scale(j, (*x)[i*m.Dim()+j])
		}
	}
	return err
}

// PValues are the conformal p-values of log-densities: the share of normal
// rows that are as unlikely, NaN throughout for a model without calibration.
func (m *Model[T]) PValues(logp []float64) []float64 {
	p := make([]float64, len(logp))
	for i, v := range logp {
		p[i] = math.NaN()
		if m.calibration != nil {
			p[i] = m.calibration.PValue(v)
		}
	}
	return p
}

// Threshold is the log-density below which a share of normal rows lie at most:
// see flow.Calibration.
func (m *Model[T]) Threshold(share float64) (float64, error) {
	if m.calibration == nil {
		return math.NaN(), fmt.Errorf("table: a threshold by a model without calibration: %w", bijector.ErrSpec)
	}
	return m.calibration.Threshold(share)
}
