// What was seen of some files of a table, on its way between workers.

package bijoubeam

import (
	"encoding/json"

	"github.com/bijou-flow/bijou/table"
)

// inference is how an Inference is made, in a form that travels.
type inference struct {
	Names         []string
	MaxCategories int
	Sample        int
	Seed          uint64
	Given         *table.Schema
	Continuous    []string // columns of Given whose atoms are empty, not unknown: JSON does not tell
}

func (k *inference) setOptions(o table.InferOptions) {
	k.MaxCategories, k.Sample, k.Seed, k.Given = o.MaxCategories, o.Sample, o.Seed, o.Given
	if o.Given == nil {
		return
	}
	for _, c := range o.Given.Columns {
		if c.Atoms != nil && len(c.Atoms) == 0 {
			k.Continuous = append(k.Continuous, c.Name)
		}
	}
}

// start makes the Inference of a part.
func (k inference) start(part int) (*table.Inference, error) {
	o := table.InferOptions{MaxCategories: k.MaxCategories, Sample: k.Sample, Seed: k.Seed, Part: part}
	if k.Given != nil {
		given := *k.Given
		given.Columns = append([]table.Column(nil), given.Columns...)
		for _, name := range k.Continuous {
			if i := given.Index(name); i >= 0 {
				given.Columns[i].Atoms = []float64{}
			}
		}
		o.Given = &given
	}
	return table.NewInference(k.Names, o)
}

// seen is what was seen of some files; the zero value, of no file.
type seen struct {
	kind      inference
	part      int // one of them
	inference *table.Inference
}

// merge adds what b has seen. The Inference of a is changed.
func (a seen) merge(b seen) (seen, error) {
	if a.inference == nil {
		return b, nil
	}
	if b.inference == nil {
		return a, nil
	}
	return a, a.inference.Merge(b.inference)
}

// seenText is a seen as text.
type seenText struct {
	Kind  inference
	Part  int
	State []byte
}

func encodeSeen(s seen) ([]byte, error) {
	text := seenText{Kind: s.kind, Part: s.part}
	if s.inference != nil {
		var err error
		if text.State, err = s.inference.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(text)
}

func decodeSeen(raw []byte) (s seen, err error) {
	var text seenText
	if err := json.Unmarshal(raw, &text); err != nil {
		return s, err
	}
	s = seen{kind: text.Kind, part: text.Part}
	if text.State == nil {
		return s, nil
	}
	if s.inference, err = text.Kind.start(text.Part); err != nil {
		return s, err
	}
	return s, s.inference.UnmarshalBinary(text.State)
}
