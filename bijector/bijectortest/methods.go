// Which of the methods for training and saving a layer has: all, none, or, by
// a slip of the pen, some.

package bijectortest

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
)

// The methods of a bijector.Trainable, one by one.
type (
	hasNewGradPass[T bijector.Float] interface {
		NewGradPass(bijector.PassOptions) bijector.GradPass[T]
	}
	hasParams[T bijector.Float] interface{ Params() []bijector.Param[T] }
	hasBuffers                  interface{ Buffers() []bijector.Buffer }
)

// method is one of them, with its signature.
type method struct {
	name, signature string
	is              bool
}

func methodsOf[T bijector.Float](l bijector.Layer[T]) []method {
	_, gradPass := l.(hasNewGradPass[T])
	_, params := l.(hasParams[T])
	_, buffers := l.(hasBuffers)
	_, spec := l.(bijector.Specced)
	return []method{
		{"NewGradPass", "NewGradPass(bijector.PassOptions) bijector.GradPass[T]", gradPass},
		{"Params", "Params() []bijector.Param[T]", params},
		{"Buffers", "Buffers() []bijector.Buffer", buffers},
		{"Spec", "Spec() any", spec},
	}
}

// checkMethods refuses a layer that has some of the methods: with one of them
// under another name it would be tested, trained and saved as a layer without
// parameters.
func checkMethods[T bijector.Float](f *fixture[T]) error {
	var has, lacks []string
	otherwise := false
	for _, m := range methodsOf(f.layer) {
		switch {
		case m.is:
			has = append(has, m.name)
		case m.name == "NewGradPass" && f.o.EvaluationOnly:
		case reflect.ValueOf(f.layer).MethodByName(m.name).IsValid():
			otherwise = true
			lacks = append(lacks, fmt.Sprintf("%s (its %s has another signature)", m.signature, m.name))
		default:
			lacks = append(lacks, m.signature)
		}
	}
	switch {
	case len(lacks) == 0:
		return nil
	case len(has) == 0 && !otherwise:
		return conform.Skip("a %T has none of NewGradPass, Params, Buffers and Spec: it is neither trained nor saved", f.layer)
	}
	err := fmt.Errorf("a %T has %s and lacks %s; a layer has all of NewGradPass, Params, Buffers and Spec, or none of them", f.layer, cmp.Or(strings.Join(has, ", "), "none"), strings.Join(lacks, "; "))
	if len(has) == 3 && len(lacks) == 1 && has[0] != "NewGradPass" {
		err = fmt.Errorf("%w (Options.EvaluationOnly is for one that is saved and has no gradient)", err)
	}
	return err
}

// noState is the result of a check of the state of a layer without one.
func noState(layer any) error {
	return conform.Skip("a %T is no bijector.Stateful: it lacks Params, Buffers or Spec", layer)
}

// needGradient is the result of a check of the gradient of a layer without
// one, and an error where gradients do not fit the parameters: such a pass
// would be run for nothing.
func (f *fixture[T]) needGradient() error {
	if err := bijector.CheckTrainable(f.layer); err != nil {
		return conform.Skip("%v", err)
	}
	grads := f.layer.(bijector.Trainable[T]).NewGradPass(bijector.PassOptions{MaxBatch: maxBatch}).Grads()
	return conform.Prefix(conform.GradSizes(grads, params(f.layer)), "Grads of a new training pass: NewGradPass allocates them, parallel to Params")
}

// sizer is registry.Sizer.
type sizer interface{ Values() float64 }

// checkValues compares the count of a spec's values with those there are. What
// parts inside have is counted by their own specs.
func checkValues(s bijector.Stateful[float64]) error {
	spec := s.Spec()
	v, ok := spec.(sizer)
	if !ok {
		return nil
	}
	count := 0
	for _, p := range s.Params() {
		count += len(p.Data)
	}
	for _, b := range s.Buffers() {
		count += reflect.ValueOf(b.Data).Len()
	}
	switch got := v.Values(); {
	case !(got <= float64(count)):
		return fmt.Errorf("the spec's Values is %v, and Params and Buffers have %d values: a saved model would be refused, as one that claims more than its file has", got, count)
	case got < float64(count)/2 && !hasParts(reflect.ValueOf(spec)):
		return fmt.Errorf("the spec's Values is %v, and Params and Buffers have %d values: a small file could claim that much memory", got, count)
	}
	return nil
}

// hasParts reports whether a spec has those of other parts inside.
func hasParts(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return !v.IsNil() && hasParts(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if hasParts(v.Index(i)) {
				return true
			}
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[bijector.NamedSpec]() {
			return !v.IsZero()
		}
		for i := range v.NumField() {
			if hasParts(v.Field(i)) {
				return true
			}
		}
	}
	return false
}
