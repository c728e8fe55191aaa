// What masked networks with blocks share: their layers under masks, and how the
// degrees of hidden units ascend.

package nn

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
)

// maskedLayers are linear layers of which a row sees its first so many inputs.
type maskedLayers[T bijector.Float] struct {
	layers  []*Linear[T]
	visible [][]int // of each layer, by row: how many of its inputs are seen
}

// add draws a layer with the spread of an unmasked one, of what each row sees.
func (m *maskedLayers[T]) add(rng *rand.Rand, in, out int, seen func(row int) int) *Linear[T] {
	l, v := NewLinear[T](in, out, rng), make([]int, out)
	for i := range v {
		if v[i] = seen(i); v[i] > 0 {
			kernel.Scale(l.W[i*in:(i+1)*in], T(math.Sqrt(float64(in)/float64(v[i]))))
		}
	}
	l.mask(v)
	m.layers, m.visible = append(m.layers, l), append(m.visible, v)
	return l
}

// validate returns ErrSpec where a weight that is masked is not 0, with the name that
// it has among the parameters; a layer that is none of them is passed over.
func (m *maskedLayers[T]) validate(params []bijector.Param[T]) error {
	names := map[*T]string{}
	for _, p := range params {
		if len(p.Data) > 0 {
			names[&p.Data[0]] = p.Name
		}
	}
	for l, layer := range m.layers {
		if len(layer.W) == 0 || names[&layer.W[0]] == "" {
			continue
		}
		for i, seen := range m.visible[l] {
			if err := checkMasked(layer, names[&layer.W[0]], i, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// Invalidate masks the weights. Whoever writes to Params calls it afterwards.
func (m *maskedLayers[T]) Invalidate() {
	for l, layer := range m.layers {
		for i, seen := range m.visible[l] {
			clear(layer.W[i*layer.In+seen : (i+1)*layer.In])
		}
	}
}

// addSeen adds to the gradients of the layers' weights those of what is not masked.
func (m *maskedLayers[T]) addSeen(dst, dw [][]T) {
	for l, layer := range m.layers {
		for i, seen := range m.visible[l] {
			at := i * layer.In
			kernel.AddTo(dst[l][at:at+seen], dw[l][at:at+seen])
		}
	}
}

// ascending are the degrees of so many hidden units, which ascend evenly from least
// to end-1. Where there are fewer units than degrees, the first and the last
// degree have a unit.
func ascending(least, end, units int) []int {
	degree, n, parts := make([]int, units), end-least, units
	if 1 < units && units < n {
		n, parts = n-1, units-1
	}
	for i := range degree {
		degree[i] = least + i*n/parts
	}
	return degree
}

// unitsSeen says for each of d columns how many hidden units of ascending degrees its
// outputs see: those of its place and below.
func unitsSeen(degree []int, d int) []int {
	units := make([]int, d)
	for j := range units {
		for units[j] < len(degree) && degree[units[j]] <= j {
			units[j]++
		}
	}
	return units
}

// startNearZero draws the second layer of a block, so that blocks begin as next to
// nothing.
func startNearZero[T bijector.Float](l *Linear[T], rng *rand.Rand) {
	for _, p := range [][]T{l.W, l.B} {
		for i := range p {
			p[i] = T((2*rng.Float64() - 1) * residualInitBound)
		}
	}
}
