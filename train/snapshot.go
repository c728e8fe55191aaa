// Copies of a model's parameters and buffers.

package train

import "github.com/bijou-flow/bijou/bijector"

// snapshot is a copy of everything a model would save.
type snapshot[T bijector.Float] struct {
	params  [][]T
	buffers []any
}

// take copies parameters and buffers, into the memory of an earlier take.
func (s *snapshot[T]) take(m bijector.Objective[T]) {
	params, buffers := m.Params(), m.Buffers()
	if s.params == nil {
		s.params, s.buffers = make([][]T, len(params)), make([]any, len(buffers))
	}
	for i, p := range params {
		s.params[i] = append(s.params[i][:0], p.Data...)
	}
	for i, b := range buffers {
		switch d := b.Data.(type) {
		case []float64:
			old, _ := s.buffers[i].([]float64)
			s.buffers[i] = append(old[:0], d...)
		case []int64:
			old, _ := s.buffers[i].([]int64)
			s.buffers[i] = append(old[:0], d...)
		}
	}
}

// restore writes the copies back.
func (s *snapshot[T]) restore(m bijector.Objective[T]) {
	for i, p := range m.Params() {
		copy(p.Data, s.params[i])
	}
	for i, b := range m.Buffers() {
		switch d := b.Data.(type) {
		case []float64:
			copy(d, s.buffers[i].([]float64))
		case []int64:
			copy(d, s.buffers[i].([]int64))
		}
	}
	invalidate(m)
}

// invalidate tells a model that its state was written to.
func invalidate(m any) {
	if c, ok := m.(bijector.Invalidator); ok {
		c.Invalidate()
	}
}
