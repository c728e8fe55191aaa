// The tensors of a file, and where they go in a model.

package registry

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// slot is where a tensor of the file goes.
type slot struct {
	shape []int
	data  any
	dtype safetensors.DType // what it is read from
}

// slotsOf returns the slots of a model's parameters, which are read from floats
// of the file's type, and of its buffers.
func slotsOf[T bijector.Float](s bijector.Stateful[T], file string) map[string]slot {
	slots := map[string]slot{}
	for _, p := range s.Params() {
		slots[p.Name] = slot{p.Shape, p.Data, safetensors.F32}
		if file == "float64" {
			slots[p.Name] = slot{p.Shape, p.Data, safetensors.F64}
		}
	}
	for _, b := range s.Buffers() {
		slots[b.Name] = slot{b.Shape, b.Data, safetensors.F64}
		if _, ok := b.Data.([]int64); ok {
			slots[b.Name] = slot{b.Shape, b.Data, safetensors.I64}
		}
	}
	return slots
}

// readState compares the file's tensors with the model's, all of them before
// the first value is read, and reads.
func readState[T bijector.Float](h *safetensors.Header, r io.Reader, s bijector.Stateful[T]) error {
	file, _ := h.Get(keyDType)
	slots := slotsOf(s, file)
	if err := checkTensors(h.Tensors, slots); err != nil {
		return err
	}
	vr := &safetensors.ValueReader{R: r}
	for _, t := range h.Tensors {
		var err error
		switch d := slots[t.Name].data.(type) {
		case []float32:
			err = safetensors.ReadFloats(vr, t, d)
		case []float64:
			err = safetensors.ReadFloats(vr, t, d)
		case []int64:
			err = safetensors.ReadInts(vr, t, d)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range s.Params() {
		if err := checkFinite(p); err != nil {
			return err
		}
	}
	// The file's own values are judged: Invalidate would put right, unasked, what
	// a layer keeps within bounds, such as masked weights.
	if v, ok := s.(bijector.Validator); ok {
		if err := v.Validate(); err != nil {
			return err
		}
	}
	if c, ok := s.(bijector.Invalidator); ok {
		c.Invalidate()
	}
	return nil
}

// checkTensors reports the first few tensors that have no slot or do not fit
// it, and slots without a tensor, in a fixed order.
func checkTensors(tensors []safetensors.Tensor, slots map[string]slot) error {
	var faults []string
	is := ErrMismatch
	found := map[string]bool{}
	for _, t := range tensors {
		found[t.Name] = true
		switch s, ok := slots[t.Name]; {
		case !ok:
			faults = append(faults, fmt.Sprintf("%q is in the file and not in the model", clip(t.Name)))
		case !slices.Equal(s.shape, t.Shape()):
			faults = append(faults, fmt.Sprintf("%q has shape %s, want %v", clip(t.Name), clip(fmt.Sprint(t.Shape())), s.shape))
			is = fmt.Errorf("%w: %w", ErrMismatch, bijector.ErrShape)
		case s.dtype != t.DType:
			faults = append(faults, fmt.Sprintf("%q holds %v, want %v for a %T", clip(t.Name), t.DType, s.dtype, s.data))
		}
	}
	for name := range slots {
		if !found[name] {
			faults = append(faults, fmt.Sprintf("%q is missing", name))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	const most = 5
	slices.Sort(faults)
	if n := len(faults); n > most {
		faults = append(faults[:most], fmt.Sprintf("and %d more", n-most))
	}
	return fmt.Errorf("%s: %w", strings.Join(faults, "; "), is)
}
