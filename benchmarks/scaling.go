// Benchmarks of how a training step's time grows with the flow and the batch.

package benchmarks

import (
	"fmt"
	"testing"

	"github.com/bijou-flow/bijou/flow"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
)

// Scaling measures training steps as the flow's depth, width, dimension and
// batch grow, one at a time.
func Scaling(b *testing.B) {
	for _, axis := range []struct {
		name   string
		values []int
		set    func(r *coupling.Recipe, rows *int, v int)
	}{
		{"layers", []int{3, 9, 27}, func(r *coupling.Recipe, _ *int, v int) { r.Layers = v }},
		{"width", []int{50, 100, 200}, func(r *coupling.Recipe, _ *int, v int) { r.Hidden = []int{v, v} }},
		{"dim", []int{8, 32, 128}, func(r *coupling.Recipe, _ *int, v int) { r.Dim = v }},
		{"batch", []int{32, 128, 512}, func(_ *coupling.Recipe, rows *int, v int) { *rows = v }},
	} {
		for _, v := range axis.values {
			r := coupling.Recipe{Dim: dim, Layers: layers, Hidden: []int{width, width}, Seed: 1}
			rows := Batch
			axis.set(&r, &rows, v)
			b.Run(fmt.Sprintf("%s=%d", axis.name, v), func(b *testing.B) {
				chain, err := coupling.RealNVP[float32](r)
				if err != nil {
					b.Fatal(err)
				}
				f, err := flow.New(chain, distribution.StandardNormal[float32](r.Dim))
				if err != nil {
					b.Fatal(err)
				}
				fitBatch(b, f, newRepeatedSource(Normal[float32](10000, r.Dim), nil, rows*b.N), rows)
			})
		}
	}
}
