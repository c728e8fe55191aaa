// A state as a file again.

package torch

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// Save writes the state as a safetensors file, in the types that it was read in, along
// with what the file that it was read from says of class, settings and proof.
func (s *State) Save(path string) error {
	items, metadata, err := s.items()
	if err != nil {
		return err
	}
	return save(path, items, metadata)
}

// Write is Save to w.
func (s *State) Write(w io.Writer) error {
	items, metadata, err := s.items()
	if err != nil {
		return err
	}
	return write(w, items, metadata)
}

func (s *State) items() ([]safetensors.Item, map[string]string, error) {
	if s == nil {
		return nil, nil, fmt.Errorf("torch: no state to write: %w", bijector.ErrSpec)
	}
	items := make([]safetensors.Item, 0, len(s.tensors))
	for _, name := range slices.Sorted(maps.Keys(s.tensors)) {
		v := s.tensors[name]
		if d, ok := v.data.([]float64); ok && v.single {
			v.data = narrow[float32](d)
		}
		items = append(items, safetensors.Item{Name: name, Shape: v.shape, Data: v.data})
	}
	metadata := maps.Clone(s.exported.rest)
	if p := s.exported.proof; p != nil {
		text, err := json.Marshal(p)
		if err != nil {
			return nil, nil, fmt.Errorf("torch: the proof rows: %v: %w", err, ErrProof)
		}
		metadata["bijou.proof"] = string(text)
	}
	return items, metadata, nil
}
