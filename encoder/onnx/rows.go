// Rows through a model: batches of bounded size, rows that are not finite, and
// what a model gives back.

package bijouonnx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/gomlx/gomlx/pkg/core/dtypes"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
)

// mapping maps rows of in values to rows of out values by a model.
type mapping struct {
	net      *network
	session  session
	spec     EncoderSpec
	batch    int
	parallel int // batches at once
}

// buffers are what one goroutine needs: a batch at each port.
type buffers struct {
	row  []float64
	bad  []bool
	flat []any
}

// newBuffers makes room for a batch of so many rows.
func (m *mapping) newBuffers(rows int) *buffers {
	b := &buffers{row: make([]float64, m.net.in), bad: make([]bool, rows)}
	for _, p := range m.net.ports {
		b.flat = append(b.flat, makeFlat(p.dtype, rows*p.width))
	}
	return b
}

// put sets row i of the batch; a value that the model's type does not hold is
// an error.
func (m *mapping) put(b *buffers, i int) error {
	at := 0
	for k, p := range m.net.ports {
		part := b.row[at : at+p.width]
		if j := setFlat(b.flat[k], i*p.width, part); j >= 0 {
			return fmt.Errorf("value %d is %v, the model's input %q holds %v: %w", at+j, part[j], p.name, p.dtype, bijector.ErrDType)
		}
		at += p.width
	}
	return nil
}

// scale changes a row to what the model sees.
func (m *mapping) scale(row []float64) {
	if k := len(m.spec.Scale); k > 0 {
		for j := range row {
			row[j] *= m.spec.Scale[j/(len(row)/k)]
		}
	}
	if k := len(m.spec.Shift); k > 0 {
		for j := range row {
			row[j] += m.spec.Shift[j/(len(row)/k)]
		}
	}
}

// evaluate runs the batch in b and returns its results, row after row.
func (m *mapping) evaluate(b *buffers) ([]float64, error) {
	rows := len(b.bad)
	values, shape, err := m.session.run(rows, b.flat)
	if err != nil {
		return nil, err
	}
	if len(shape) < 1 || shape[0] != rows || len(values)%rows != 0 || len(values) == 0 {
		return nil, m.net.wrongShape("%q has the shape %v for %d rows, want a vector a row", m.net.output, shape, rows)
	}
	if width := len(values) / rows; m.spec.Out != 0 && width != m.spec.Out {
		return nil, m.net.wrongShape("%q has %d values a row in a batch of %d, and %d before", m.net.output, width, rows, m.spec.Out)
	}
	return values, nil
}

// mapRows maps the rows of x. Rows that are not finite, or whose result is not,
// are NaN and named by the error; the model sees zeros in their place.
func mapRows[T bijector.Float](m *mapping, x tensor.Tensor) (*bijector.Rows[T], error) {
	in, err := bijector.InputOf[T](x, 0)
	if err != nil {
		return nil, err
	}
	if in.Dim() != m.net.in {
		return nil, fmt.Errorf("bijouonnx: rows have %d values, %s takes %d (%s); cut or pad them first: %w", in.Dim(), m.spec.File, m.net.in, m.net.describePorts(), bijector.ErrShape)
	}
	out := bijector.NewRows[T](in.Len(), m.spec.Out)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		bad   = map[string]*bijector.RowError{}
		fault error
	)
	count := func(what string, row int) { // under mu
		e := bad[what]
		if e == nil {
			e = &bijector.RowError{What: what, Row: row, N: in.Len()}
			bad[what] = e
		}
		e.Row = min(e.Row, row)
		e.Count++
	}
	pieces := m.pieces(in.Len())
	todo := make(chan piece, len(pieces))
	for _, p := range pieces {
		todo <- p
	}
	close(todo)
	for range min(m.parallel, len(pieces)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for p := range todo {
				inputs, results, err := mapPiece(m, in, out, p)
				mu.Lock()
				for _, row := range inputs {
					count("input", row)
				}
				for _, row := range results {
					count("result", row)
				}
				if fault == nil {
					fault = err
				}
				stop := fault != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		}()
	}
	wg.Wait()
	if fault != nil {
		return nil, fault
	}
	for _, what := range []string{"input", "result"} {
		if e := bad[what]; e != nil {
			return out, e
		}
	}
	return out, nil
}

// piece is a run: rows lo to hi in a batch of size rows, zeros behind them.
type piece struct{ lo, hi, size int }

// pieces cuts n rows into whole batches; what is left is a batch with zeros
// behind, or row by row where it is little. Two sizes of batches alone are
// made, as a model is compiled for each.
func (m *mapping) pieces(n int) (all []piece) {
	lo := 0
	for ; n-lo >= m.batch; lo += m.batch {
		all = append(all, piece{lo, lo + m.batch, m.batch})
	}
	switch rest := n - lo; {
	case rest == 0:
	case m.net.fixed == 0 && rest <= m.batch/8+1:
		for ; lo < n; lo++ {
			all = append(all, piece{lo, lo + 1, 1})
		}
	default:
		all = append(all, piece{lo, n, m.batch})
	}
	return all
}

// mapPiece runs one batch and says which of its rows are not finite.
func mapPiece[T bijector.Float](m *mapping, in bijector.Input[T], out *bijector.Rows[T], p piece) (inputs, results []int, err error) {
	b := m.newBuffers(p.size)
	row := make([]T, m.net.in)
	for i := p.lo; i < p.hi; i++ {
		in.Gather(row, []int{i})
		finite := true
		for j, v := range row {
			b.row[j] = float64(v)
			finite = finite && !math.IsNaN(b.row[j]) && !math.IsInf(b.row[j], 0)
		}
		if !finite {
			b.bad[i-p.lo] = true
			inputs = append(inputs, i)
			continue
		}
		m.scale(b.row)
		if err := m.put(b, i-p.lo); err != nil {
			return nil, nil, fmt.Errorf("bijouonnx: row %d: %w", i, err)
		}
	}
	values, err := m.evaluate(b)
	if err != nil {
		return nil, nil, err
	}
	for i := p.lo; i < p.hi; i++ {
		to, from := out.Row(i), values[(i-p.lo)*m.spec.Out:][:m.spec.Out]
		finite := true
		for j, v := range from {
			to[j] = T(v)
			finite = finite && !math.IsNaN(v) && !math.IsInf(float64(to[j]), 0)
		}
		if !finite && !b.bad[i-p.lo] {
			results = append(results, i)
		}
		if !finite || b.bad[i-p.lo] {
			for j := range to {
				to[j] = T(math.NaN())
			}
		}
	}
	return inputs, results, nil
}

// probe runs a row alone and among others to learn the width of a result, and
// that the rows of a batch do not influence each other. The rows are of zeros and
// ones, which are ids and masks as well as numbers.
func (m *mapping) probe() error {
	run := func(size int, others uint64) ([]float64, error) {
		b := m.newBuffers(size)
		for i := range size {
			rng := rand.New(rand.NewPCG(uint64(i)*others, 1))
			for j := range b.row {
				b.row[j] = float64(rng.IntN(2))
			}
			if err := m.put(b, i); err != nil {
				return nil, err
			}
		}
		return m.evaluate(b)
	}
	small := max(1, m.net.fixed)
	alone, err := run(small, 0)
	if err != nil {
		return err
	}
	width := len(alone) / small
	if width > maxValues {
		return m.net.wrongShape("%q has %d values a row, want %d at most", m.net.output, width, maxValues)
	}
	if m.spec.Out != 0 && m.spec.Out != width || m.spec.In != 0 && m.spec.In != m.net.in {
		return m.net.wrongShape("it maps %d values to %d, the spec says %d to %d", m.net.in, width, m.spec.In, m.spec.Out)
	}
	m.spec.In, m.spec.Out = m.net.in, width
	if m.batch == 1 {
		return nil
	}
	beside, err := run(m.batch, 1)
	if err != nil {
		return err
	}
	size := 0.0
	for _, v := range alone[:width] {
		size = max(size, math.Abs(v))
	}
	for j, v := range alone[:width] {
		// Sums in another order differ too, by far less.
		if math.Abs(v-beside[j]) > 0.01*size {
			return m.net.wrong("value %d of a row is %v alone and %v in a batch of %d: its rows influence each other; set Options.Batch to 1, or export it for evaluation", j, v, beside[j], m.batch)
		}
	}
	return nil
}

// describePorts says what a row has to have.
func (n *network) describePorts() (text string) {
	for i, p := range n.ports {
		if i > 0 {
			text += ", then "
		}
		text += fmt.Sprintf("%q: %v of %v", p.name, p.shape, p.dtype)
	}
	return text
}

// makeFlat is room for n values of a type.
func makeFlat(d dtypes.DType, n int) any {
	switch d {
	case dtypes.Float32:
		return make([]float32, n)
	case dtypes.Float64:
		return make([]float64, n)
	case dtypes.Int64:
		return make([]int64, n)
	case dtypes.Int32:
		return make([]int32, n)
	case dtypes.Int16:
		return make([]int16, n)
	case dtypes.Int8:
		return make([]int8, n)
	}
	return make([]uint8, n)
}

// setFlat sets values from index at on; it returns the index of the first that
// the type does not hold, and -1 where all went in.
func setFlat(flat any, at int, values []float64) int {
	switch f := flat.(type) {
	case []float32:
		for j, v := range values {
			f[at+j] = float32(v)
		}
	case []float64:
		copy(f[at:], values)
	case []int64:
		return setIntegers(f[at:], values)
	case []int32:
		return setIntegers(f[at:], values)
	case []int16:
		return setIntegers(f[at:], values)
	case []int8:
		return setIntegers(f[at:], values)
	case []uint8:
		return setIntegers(f[at:], values)
	}
	return -1
}

func setIntegers[E int64 | int32 | int16 | int8 | uint8](dst []E, values []float64) int {
	for j, v := range values {
		// Beyond 2^53 whole numbers are not to be told apart.
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 || float64(E(v)) != v {
			return j
		}
		dst[j] = E(v)
	}
	return -1
}
