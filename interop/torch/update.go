// Flows back into the state that they came from.

package torch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
)

// Update returns the state s with the numbers of f, a flow that was read from it and
// trained on. Names, shapes and types are the source's, so that in Python
// load_state_dict takes what Save writes:
//
//	state, err := torch.Open("flow.safetensors")
//	f, err := torch.Load[float32](state)
//	// train f
//	updated, err := torch.Update(state, f, nil)
//	err = updated.Save("trained.safetensors")
//
// read is the mapping that made f, for float64, with the same options; nil stands for
// Load, for a file that says its class. Update asks nothing else of a mapping: it looks
// which number of the state each number of the flow comes from, and solves for that.
//
// What f does not depend on, such as a weight behind a mask, stays as it was. A flow of
// another form than the state's is bijector.ErrSpec. So is one with a parameter that
// cannot go back, and the error names it: of two that are one number in the source, and
// have been trained apart, or one that is made of several. Proof rows in the file get
// their new log-densities.
func Update[T bijector.Float](s *State, f *flow.Flow[T], read func(*State) (*flow.Flow[float64], error)) (*State, error) {
	if s == nil || f == nil {
		return nil, fmt.Errorf("torch: no state or no flow to update it with: %w", bijector.ErrSpec)
	}
	if read == nil {
		read = Load[float64]
	}
	u := newUpdate(s, read)
	start, err := u.start()
	if err != nil {
		return nil, err
	}
	if err := sameForm(f, u.flow); err != nil {
		return nil, err
	}
	if err := u.solve(start, numbersOf(f)); err != nil {
		return nil, err
	}
	return u.finish(s.exported)
}

// update is a state whose numbers are written to, all in one slice.
type update struct {
	read  func(*State) (*flow.Flow[float64], error)
	state *State
	x     []float64
	free  []bool              // numbers that may move
	flow  *flow.Flow[float64] // of the latest numbers
}

func newUpdate(s *State, read func(*State) (*flow.Flow[float64], error)) *update {
	u := &update{read: read, state: &State{tensors: make(map[string]values, len(s.tensors)), prefix: s.prefix, exported: s.exported, fixed: map[string]bool{}}}
	if p := s.exported.proof; p != nil {
		u.state.exported.proof = &proofRows{X: p.X, Context: p.Context, LogProb: p.LogProb, stale: true}
	}
	n := 0
	for _, v := range s.tensors {
		if d, ok := v.data.([]float64); ok {
			n += len(d)
		}
	}
	u.x = make([]float64, 0, n)
	for _, name := range slices.Sorted(maps.Keys(s.tensors)) {
		v := s.tensors[name]
		if d, ok := v.data.([]float64); ok {
			at := len(u.x)
			u.x = append(u.x, d...)
			v.data = u.x[at:len(u.x):len(u.x)]
		}
		u.state.tensors[name] = v
	}
	return u
}

// start reads the flow as it was, and finds which tensors are none of numbers.
func (u *update) start() (y []float64, err error) {
	if y, err = u.numbers(); err != nil {
		return nil, err
	}
	x := slices.Clone(u.x)
	for name, v := range u.state.tensors {
		if d, ok := v.data.([]float64); ok && u.state.fixed[name] {
			for i := range d {
				d[i] = math.NaN()
			}
		}
	}
	for _, v := range u.x {
		u.free = append(u.free, v == v)
	}
	copy(u.x, x)
	return y, nil
}

// finish rounds to the types of the file, and makes the proof anew.
func (u *update) finish(e exported) (*State, error) {
	for _, v := range u.state.tensors {
		if d, ok := v.data.([]float64); ok && v.single {
			for i, x := range d {
				d[i] = float64(float32(x))
			}
		}
	}
	if _, err := u.numbers(); err != nil {
		return nil, err
	}
	u.state.exported, u.state.fixed = e, nil
	if e.proof == nil {
		return u.state, nil
	}
	logp, err := scoreProof(e.proof, u.flow)
	if err != nil {
		return nil, err
	}
	u.state.exported.proof = &proofRows{X: e.proof.X, Context: e.proof.Context, LogProb: logp}
	return u.state, nil
}

// numbersOf are the parameters and statistics of a flow.
func numbersOf[T bijector.Float](f *flow.Flow[T]) (all []float64) {
	for _, p := range f.Params() {
		for _, v := range p.Data {
			all = append(all, float64(v))
		}
	}
	for _, b := range f.Buffers() {
		if d, ok := b.Data.([]float64); ok {
			all = append(all, d...)
		}
	}
	return all
}

// nameOf is that of the parameter or statistic that number i of numbersOf is in.
func nameOf(f *flow.Flow[float64], i int) string {
	for _, p := range f.Params() {
		if i < len(p.Data) {
			return fmt.Sprintf("value %d of %q", i, p.Name)
		}
		i -= len(p.Data)
	}
	for _, b := range f.Buffers() {
		if d, ok := b.Data.([]float64); ok {
			if i < len(d) {
				return fmt.Sprintf("value %d of %q", i, b.Name)
			}
			i -= len(d)
		}
	}
	return "a number"
}

// sameForm refuses a flow that is not the state's.
func sameForm[T bijector.Float](f *flow.Flow[T], g *flow.Flow[float64]) error {
	a, err := json.Marshal(f.Spec())
	if err != nil {
		return fmt.Errorf("torch: the flow has no spec: %v: %w", err, bijector.ErrSpec)
	}
	b, err := json.Marshal(g.Spec())
	if err != nil || !bytes.Equal(a, b) || len(numbersOf(f)) != len(numbersOf(g)) {
		return fmt.Errorf("torch: the flow is another than the state's, want one that the same mapping made of it with the same options: %w", bijector.ErrSpec)
	}
	return nil
}
