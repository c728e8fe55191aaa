package registry_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest"
	"github.com/bijou-flow/bijou/registry"
)

// Shift is a layer of another module: z = x + b.
type Shift[T bijector.Float] struct {
	spec ShiftSpec
	b    []T
}

// ShiftSpec describes a Shift.
type ShiftSpec struct {
	Dim   int     `json:"dim"`
	Start float64 `json:"start,omitempty"`
}

// NewShift makes a Shift that starts with b = Start.
func NewShift[T bijector.Float](s ShiftSpec) (*Shift[T], error) {
	if s.Dim < 1 || s.Dim > 1000 {
		return nil, fmt.Errorf("a shift of %d features: %w", s.Dim, bijector.ErrSpec)
	}
	l := &Shift[T]{spec: s, b: make([]T, s.Dim)}
	for i := range l.b {
		l.b[i] = T(s.Start)
	}
	return l, nil
}

func (l *Shift[T]) Dim() int        { return l.spec.Dim }
func (l *Shift[T]) ContextDim() int { return 0 }
func (l *Shift[T]) Spec() any       { return l.spec }

func (l *Shift[T]) Params() []bijector.Param[T] {
	return []bijector.Param[T]{{Name: "b", Shape: []int{l.spec.Dim}, Data: l.b}}
}

func (l *Shift[T]) Buffers() []bijector.Buffer                    { return nil }
func (l *Shift[T]) NewPass(bijector.PassOptions) bijector.Pass[T] { return shiftPass[T]{l} }

type shiftPass[T bijector.Float] struct{ l *Shift[T] }

func (p shiftPass[T]) Forward(z, x, _ bijector.Mat[T], _ []float64) { p.add(z, x, 1) }
func (p shiftPass[T]) Inverse(x, z, _ bijector.Mat[T], _ []float64) { p.add(x, z, -1) }

func (p shiftPass[T]) add(dst, src bijector.Mat[T], sign T) {
	for j, b := range p.l.b {
		d, s := dst.Feature(j), src.Feature(j)
		for i := range d {
			d[i] = s[i] + sign*b
		}
	}
}

// Values lets a hostile spec be refused before anything is made.
func (s ShiftSpec) Values() float64 { return float64(s.Dim) }

// Wave is a conditioner of another module: y_k = a_k sin(x_1 + ... + x_in).
type Wave[T bijector.Float] struct {
	spec WaveSpec
	a    []T
}

// WaveSpec describes a Wave.
type WaveSpec struct {
	In  int `json:"in"`
	Out int `json:"out"`
}

// NewWave makes a Wave.
func NewWave[T bijector.Float](s WaveSpec) (*Wave[T], error) {
	if s.In < 1 || s.Out < 1 || s.Out > 1000 {
		return nil, bijector.ErrSpec
	}
	return &Wave[T]{s, make([]T, s.Out)}, nil
}

func (w *Wave[T]) In() int                    { return w.spec.In }
func (w *Wave[T]) Out() int                   { return w.spec.Out }
func (w *Wave[T]) Spec() any                  { return &w.spec } // a pointer does as well
func (w *Wave[T]) Buffers() []bijector.Buffer { return nil }
func (w *Wave[T]) Params() []bijector.Param[T] {
	return []bijector.Param[T]{{Name: "a", Shape: []int{w.spec.Out}, Data: w.a}}
}

func (w *Wave[T]) NewNetworkPass(bijector.PassOptions) bijector.NetworkPass[T] { return wavePass[T]{w} }

func (w *Wave[T]) NewNetworkGradPass(bijector.PassOptions) bijector.NetworkGradPass[T] {
	panic("evaluation only")
}

type wavePass[T bijector.Float] struct{ w *Wave[T] }

func (p wavePass[T]) Forward(y, x bijector.Mat[T], lo, hi int) {
	for i := lo; i < hi; i++ {
		sum := 0.0
		for j := range x.D {
			sum += float64(x.Feature(j)[i])
		}
		for k, a := range p.w.a {
			y.Feature(k)[i] = a * T(math.Sin(sum))
		}
	}
}

func init() {
	registry.Register("test.shift", NewShift[float32], NewShift[float64])
	registry.RegisterNetwork("test.wave", NewWave[float32], NewWave[float64])
}

// unlisted is a layer whose spec nobody registered.
type unlisted[T bijector.Float] struct{ *bijector.Scale[T] }

type unlistedSpec struct{ Dim int }

func (u unlisted[T]) Spec() any { return unlistedSpec{u.Dim()} }

func newUnlistedChain[T bijector.Float]() (*bijector.Chain[T], error) {
	s, err := bijector.NewScale[T](bijector.ScaleSpec{Dim: 2})
	if err != nil {
		return nil, err
	}
	return bijector.NewChain[T](unlisted[T]{s})
}

// An author tests a layer before it has a name, in a container too.
func TestConformanceBeforeRegistration(t *testing.T) {
	bijectortest.Run(t, newUnlistedChain[float32], newUnlistedChain[float64])
}
