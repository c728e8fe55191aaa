// What makes two runs one: the options, the data and the model that a
// checkpoint was made with.

package train

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"reflect"

	"github.com/bijou-flow/bijou/bijector"
)

// setting is something that a run's result depends on.
type setting struct{ name, value string }

// runSettings lists what a run depends on beside its state. Epochs and the
// schedule are not in the list: ratesSoFar is what they did.
func (f *fitter[T]) runSettings(data Source) ([]setting, error) {
	o := f.o
	rows, err := digestRows[T](data)
	if err != nil {
		return nil, err
	}
	held, heldRows := 0, ""
	if o.Validation != nil {
		held = o.Validation.Len()
		if heldRows, err = digestRows[T](o.Validation); err != nil {
			return nil, err
		}
	}
	var all []setting
	for _, s := range []struct {
		name  string
		value any
	}{
		{"type", reflect.TypeFor[T]()},
		{"model", digestSpec(f.model)},
		{"features", f.model.Dim()},
		{"context features", f.model.ContextDim()},
		{"rows", data.Len()},
		{"contents of the rows", rows},
		{"validation rows", held},
		{"contents of the validation rows", heldRows},
		{"weights of the rows", digestWeights(data)},
		{"weights of the validation rows", digestWeights(o.Validation)},
		{"Batch", o.Batch},
		{"Optimizer", fmt.Sprintf("%T%+v", o.Optimizer, o.Optimizer)},
		{"ClipNorm", o.ClipNorm},
		{"Average", o.Average},
		{"Noise", o.Noise},
		{"Seed", o.Seed},
		{"InOrder", o.InOrder},
		{"ValidationFraction", max(o.ValidationFraction, 0)},
		{"Patience", o.Patience},
		{"KeepBest", f.keepBest()},
		{"MaxBadSteps", o.MaxBadSteps},
		{"Memory", fmt.Sprintf("%+v", o.Memory)},
	} {
		all = append(all, setting{s.name, fmt.Sprint(s.value)})
	}
	return all, nil
}

// compareSettings names the settings that are not the checkpoint's.
func compareSettings(settings []setting, get func(string) string) error {
	for _, s := range settings {
		if v := get(s.name); v != s.value {
			return fmt.Errorf("%s is %s now, and was %.80s: %w", s.name, valueOrNothing(s.value), valueOrNothing(v), ErrResume)
		}
	}
	return nil
}

func valueOrNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// maxDigested bounds the rows and steps that digests look at.
const maxDigested = 64

// digestRows tells data sets of one size apart by rows spread evenly over
// them. Rows that are not the same when they are read again, since the source
// draws something, tell nothing: their digest is "".
func digestRows[T bijector.Float](src Source) (string, error) {
	var sums [2]string
	for i := range sums {
		if _, draws := asStatefulSource(src); draws {
			break // reading would move its state
		}
		x, cond, err := readEvenlySpaced[T](src, maxDigested)
		if err != nil {
			return "", err
		}
		h := sha256.New()
		for _, m := range []bijector.Mat[T]{x, cond} {
			for j := range m.D {
				for _, v := range m.Feature(j) {
					addFloat(h, float64(v))
				}
			}
		}
		sums[i] = digest(h)
	}
	if sums[0] != sums[1] {
		return "", nil
	}
	return sums[0], nil
}

// digestWeights tells the weights that the user gave apart: "" for none, and for
// equal ones.
func digestWeights(src Source) string {
	if src == nil {
		return ""
	}
	w := userWeights(userSource(src))
	if len(w) == 0 || areEqual(w) {
		return ""
	}
	h := sha256.New()
	for _, v := range w {
		addFloat(h, v)
	}
	return digest(h)
}

// digestSpec tells models of the same parameters apart, where they have specs.
func digestSpec(m any) string {
	s, ok := m.(bijector.Specced)
	if !ok {
		return ""
	}
	spec := s.Spec()
	text, err := json.Marshal(spec)
	if err != nil {
		return ""
	}
	h := sha256.New()
	h.Write(text)
	addTypes(h, reflect.ValueOf(&spec))
	return digest(h)
}

// addTypes adds the types behind a spec's interfaces, which JSON leaves out.
func addTypes(h hash.Hash, v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return
		}
		fmt.Fprintln(h, v.Elem().Type())
		addTypes(h, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			addTypes(h, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			addTypes(h, v.Index(i))
		}
	}
}

// rateDigest is a digest of the learning rates of steps spread over those that
// are done: all that Rate, Schedule and Epochs have done to the run.
func (f *fitter[T]) rateDigest() string {
	h := sha256.New()
	n := f.stepsDone()
	k := min(n, maxDigested)
	for i := range k {
		step := n - 1 - i*n/k
		addFloat(h, f.rate(step))
	}
	return digest(h)
}

func addFloat(h hash.Hash, v float64) {
	bits := math.Float64bits(v)
	var b [8]byte
	for i := range b {
		b[i] = byte(bits >> (8 * i))
	}
	h.Write(b[:])
}

// digest is short enough to be shown in an error.
func digest(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }

// statefulSource is a Source with a state of its own, such as a rand.PCG that it draws
// from: what it is belongs into a checkpoint.
type statefulSource interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// asStatefulSource finds the state of a source.
func asStatefulSource(s Source) (statefulSource, bool) {
	d, ok := userSource(s).(statefulSource)
	return d, ok
}

// sourceState is nil for a source without one.
func sourceState(s Source) ([]byte, error) {
	d, ok := asStatefulSource(s)
	if !ok {
		return nil, nil
	}
	state, err := d.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("the state of the training data (%T): %w", s, err)
	}
	return append([]byte{}, state...), nil
}

func setSourceState(s Source, text string) error {
	d, ok := asStatefulSource(s)
	state, err := hex.DecodeString(text)
	if !ok || err != nil {
		if text == "" {
			return nil
		}
		return fmt.Errorf("it holds a state of the training data, which this run's (%T) has not: %w", s, ErrResume)
	}
	if now, err := d.MarshalBinary(); err == nil && bytes.Equal(now, state) {
		return nil
	}
	return d.UnmarshalBinary(state)
}
