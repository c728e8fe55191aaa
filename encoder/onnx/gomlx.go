// Models run by gomlx, in Go alone.

package bijouonnx

import (
	"fmt"
	"regexp"
	"sync"

	"github.com/gomlx/gomlx/backends"
	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/context"

	"github.com/bijou-flow/bijou/bijector"
)

// session runs a model: flat holds a batch for each port in its element type.
// It returns the output, flat, and its shape. Any number of goroutines may call
// it.
type session interface {
	run(rows int, flat []any) (values []float64, shape []int, err error)
}

// goSession is a model in gomlx.
type goSession struct {
	net  *network
	exec *context.Exec
	// compiling is held for writing while a graph is made for a batch of another
	// size, which changes the model for a while.
	compiling sync.RWMutex
	compiled  map[int]bool
}

// backend is gomlx's, one for all models. Operators run one after another: side by
// side, products of matrices wait for each other for ever where processors are few.
var backend = sync.OnceValues(func() (backends.Backend, error) { return simplego.New("ops_sequential") })

func newGoSession(n *network) (s *goSession, err error) {
	defer recoverAs(&err, n)
	b, err := backend()
	if err != nil {
		return nil, fmt.Errorf("bijouonnx: %w", err)
	}
	vars := context.New()
	if err := n.model.VariablesToContext(vars); err != nil {
		return nil, n.failed(err)
	}
	vars = vars.Checked(false)
	s = &goSession{net: n, compiled: map[int]bool{}}
	s.exec, err = context.NewExecAny(b, vars, func(vars *context.Context, inputs []*graph.Node) []*graph.Node {
		given := map[string]*graph.Node{}
		for i, p := range n.ports {
			given[p.name] = inputs[i]
		}
		return []*graph.Node{newBuilder(n.model, vars, inputs[0].Graph(), given).tensor(n.output)}
	})
	if err != nil {
		return nil, n.failed(err)
	}
	return s, nil
}

func (s *goSession) run(rows int, flat []any) (values []float64, shape []int, err error) {
	defer recoverAs(&err, s.net)
	s.compiling.RLock()
	known := s.compiled[rows]
	s.compiling.RUnlock()
	if !known {
		s.compiling.Lock()
		defer s.compiling.Unlock()
	} else {
		s.compiling.RLock()
		defer s.compiling.RUnlock()
	}
	args := make([]any, len(flat))
	for i, p := range s.net.ports {
		args[i] = toTensor(flat[i], p.lengths(rows))
	}
	results, err := s.exec.Exec(args...)
	if err != nil {
		return nil, nil, s.net.failed(err)
	}
	if !known {
		s.compiled[rows] = true
	}
	out := results[0]
	values, err = fromTensor(out)
	if err != nil {
		return nil, nil, s.net.failed(err)
	}
	shape = append(shape, out.Shape().Dimensions...)
	for _, a := range append(args, out) {
		_ = a.(*tensors.Tensor).FinalizeAll() // gives its buffer back
	}
	return values, shape, nil
}

func toTensor(flat any, shape []int) *tensors.Tensor {
	switch v := flat.(type) {
	case []float32:
		return tensors.FromFlatDataAndDimensions(v, shape...)
	case []float64:
		return tensors.FromFlatDataAndDimensions(v, shape...)
	case []int64:
		return tensors.FromFlatDataAndDimensions(v, shape...)
	case []int32:
		return tensors.FromFlatDataAndDimensions(v, shape...)
	case []int16:
		return tensors.FromFlatDataAndDimensions(v, shape...)
	case []int8:
		return tensors.FromFlatDataAndDimensions(v, shape...)
	}
	return tensors.FromFlatDataAndDimensions(flat.([]uint8), shape...)
}

func fromTensor(t *tensors.Tensor) ([]float64, error) {
	switch t.DType() {
	case dtypes.Float32:
		return wide[float32](t)
	case dtypes.Float64:
		return wide[float64](t)
	case dtypes.Int64:
		return wide[int64](t)
	case dtypes.Int32:
		return wide[int32](t)
	}
	return nil, fmt.Errorf("the output holds %v, want a float type: %w", t.DType(), bijector.ErrDType)
}

func wide[E number](t *tensors.Tensor) (values []float64, err error) {
	err = tensors.ConstFlatData(t, func(flat []E) { values = widen(flat) })
	return values, err
}

// number is an element type of a result.
type number interface {
	float32 | float64 | int64 | int32
}

func widen[E number](flat []E) []float64 {
	values := make([]float64, len(flat))
	for i, v := range flat {
		values[i] = float64(v)
	}
	return values
}

// recoverAs turns a panic of gomlx into an error.
func recoverAs(err *error, n *network) {
	if r := recover(); r != nil {
		*err = n.failed(r)
	}
}

var unimplemented = regexp.MustCompile(`unimplemented ONNX op "([^"]+)"`)

// failed is the error for what a runtime says of a model.
func (n *network) failed(cause any) error {
	text := fmt.Sprint(cause)
	if m := unimplemented.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("bijouonnx: %s: the operator %s is in neither gomlx nor this package; run the model by ONNX Runtime (UseONNXRuntime), name an Output before that operator, or export the network without it: %w: %w",
			n.file, m[1], ErrOperator, bijector.ErrSpec)
	}
	if err, ok := cause.(error); ok {
		return fmt.Errorf("bijouonnx: %s cannot be run: %w: %w", n.file, err, bijector.ErrSpec)
	}
	return fmt.Errorf("bijouonnx: %s cannot be run: %s: %w", n.file, text, bijector.ErrSpec)
}
