// A state_dict: the tensors of a safetensors file, by name.

package torch

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// State is what a file of a state_dict holds. Mappings only read it: one State
// may be read by several, at once.
type State struct {
	tensors  map[string]values
	prefix   string   // that of every name, for errors
	exported exported // what the metadata say

	// fixed are the tensors of zeros and ones, as a mapping finds them: noted for an
	// Update, nil otherwise.
	fixed map[string]bool
}

// values are those of one tensor, in float64, int64 or bool. Without data, it is of
// another shape than a mapping can read.
type values struct {
	shape  []int
	data   any
	single bool // float32 in the file
}

// ReadOptions says how much is read. The zero value reads up to 4 GiB.
type ReadOptions struct {
	// MaxBytes is the size of the largest file that is read, in bytes; 0 means
	// 4 GiB. A larger one is registry.ErrTooLarge before any of it is read, and
	// less than 0 is bijector.ErrSpec. The State takes up to twice as much memory.
	MaxBytes int64
}

// Open reads a safetensors file with tensors of type F32, F64, I64 or BOOL. A
// file of another form is registry.ErrFormat, and the error names the tensor;
// so is a path that leads to a directory, a pipe or a device. o is ReadOptions,
// at most one.
func Open(path string, o ...ReadOptions) (*State, error) {
	f, err := input.Open(path)
	if errors.Is(err, input.ErrNotRegular) {
		return nil, fmt.Errorf("torch: cannot read %s: %w: %w", path, err, safetensors.ErrFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	defer f.Close()
	s, err := Read(f, f.Size, o...)
	if err != nil {
		return nil, fmt.Errorf("torch: cannot read %s: %w", path, err)
	}
	return s, nil
}

// Read is Open for size bytes of r, and reads none behind them. Memory follows
// what has come, not the size that was named. A nil r is bijector.ErrSpec.
func Read(r io.Reader, size int64, o ...ReadOptions) (*State, error) {
	if nilcheck.IsNil(r) {
		return nil, fmt.Errorf("torch: no reader: %w", bijector.ErrSpec)
	}
	if len(o) > 1 || len(o) == 1 && o[0].MaxBytes < 0 {
		return nil, fmt.Errorf("torch: options %+v, want one at most, with MaxBytes of 0 or more: %w", o, bijector.ErrSpec)
	}
	if err := safetensors.CheckSize(size, append(o, ReadOptions{})[0].MaxBytes, "ReadOptions.MaxBytes"); err != nil {
		return nil, err
	}
	h, err := safetensors.ReadHeader(r, size, safetensors.Bool)
	if err != nil {
		return nil, err
	}
	about, err := readExported(h.Metadata)
	if err != nil {
		return nil, err
	}
	s := &State{tensors: make(map[string]values, len(h.Tensors)), exported: about}
	vr := &safetensors.ValueReader{R: r}
	for _, t := range h.Tensors {
		data, err := safetensors.Values(vr, t)
		if err != nil {
			return nil, err
		}
		s.tensors[t.Name] = values{t.Shape(), data, t.DType == safetensors.F32}
	}
	return s, nil
}

// Under is the part of a larger model's state whose names begin with prefix,
// without it: for a module whose attribute flow is the flow, Under("flow."). What
// the file says of class, activation and proof is of the whole and not of the part.
func (s *State) Under(prefix string) *State {
	sub := &State{tensors: map[string]values{}, prefix: s.prefix + prefix}
	for name, v := range s.tensors {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			sub.tensors[rest] = v
		}
	}
	return sub
}

// What a TensorError wraps, beside bijector.ErrShape, bijector.ErrDType,
// bijector.ErrNonFinite and bijector.ErrSpec for values that describe no flow.
var (
	// ErrMissing: the mapping needs a tensor that is not there.
	ErrMissing = errors.New("missing tensor")
	// ErrUnexpected: the mapping has no place for a tensor.
	ErrUnexpected = errors.New("unexpected tensor")
)

// TensorError says which tensor of a state_dict does not fit a mapping.
type TensorError struct {
	Tensor string // its name
	Reason string // what was found and what was wanted
	Err    error  // the sentinel
}

// Error names the tensor.
func (e *TensorError) Error() string {
	name := e.Tensor
	if len(name) > 160 { // a file may hold any name
		name = name[:160] + "..."
	}
	if e.Reason == "" {
		return fmt.Sprintf("torch: %q: %v", name, e.Err)
	}
	return fmt.Sprintf("torch: %q: %s: %v", name, e.Reason, e.Err)
}

// Unwrap returns the sentinel.
func (e *TensorError) Unwrap() error { return e.Err }
