// A state_dict: the tensors of a safetensors file, by name.

package torch

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// State is what a file of a state_dict holds. Mappings only read it: one State
// may be read by several, at once.
type State struct {
	tensors map[string]values
	prefix  string // that of every name, for errors
}

// values are those of one tensor, in float64, int64 or bool.
type values struct {
	shape []int
	data  any
}

// Open reads a safetensors file with tensors of type F32, F64, I64 or BOOL. A
// file of another form is registry.ErrFormat, and the error names the tensor.
func Open(path string) (*State, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("torch: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("it is no regular file: %w", safetensors.ErrFormat)
	}
	var s *State
	if err == nil {
		s, err = Read(bufio.NewReaderSize(f, 64<<10), info.Size())
	}
	if err != nil {
		return nil, fmt.Errorf("torch: cannot read %s: %w", path, err)
	}
	return s, nil
}

// Read is Open for size bytes of r. A nil r is bijector.ErrSpec.
func Read(r io.Reader, size int64) (*State, error) {
	if nilcheck.IsNil(r) {
		return nil, fmt.Errorf("torch: no reader: %w", bijector.ErrSpec)
	}
	h, err := safetensors.ReadHeader(r, size, safetensors.Bool)
	if err != nil {
		return nil, err
	}
	s := &State{tensors: make(map[string]values, len(h.Tensors))}
	vr := &safetensors.ValueReader{R: r}
	for _, t := range h.Tensors {
		v := values{shape: t.Shape()}
		switch n := t.Elements(); t.DType {
		case safetensors.I64:
			d := make([]int64, n)
			v.data, err = d, safetensors.ReadInts(vr, t, d)
		case safetensors.Bool:
			d := make([]bool, n)
			v.data, err = d, safetensors.ReadBools(vr, t, d)
		default:
			d := make([]float64, n)
			v.data, err = d, safetensors.ReadFloats(vr, t, d)
		}
		if err != nil {
			return nil, err
		}
		s.tensors[t.Name] = v
	}
	return s, nil
}

// Under is the part of a larger model's state whose names begin with prefix,
// without it: for a module whose attribute flow is the flow, Under("flow.").
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
	if len(name) > 80 { // a file may hold any name
		name = name[:80] + "..."
	}
	if e.Reason == "" {
		return fmt.Sprintf("torch: %q: %v", name, e.Err)
	}
	return fmt.Sprintf("torch: %q: %s: %v", name, e.Reason, e.Err)
}

// Unwrap returns the sentinel.
func (e *TensorError) Unwrap() error { return e.Err }
