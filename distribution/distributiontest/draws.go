// The contract of Sample.

package distributiontest

import (
	"fmt"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/conform"
	"github.com/bijou-flow/bijou/internal/rows"
)

// checkRepeat asks that draws are a function of the generator, that few are
// the first of many, and that another generator makes others.
func checkRepeat[T bijector.Float](f *fixture[T]) error {
	const n = 33
	_, cond := f.data(n, 70)
	z := f.draw(n, cond, 71, 1)
	w := bijector.NewWorkers(3)
	defer w.Close()
	p := f.base.NewBasePass(bijector.PassOptions{MaxBatch: maxBatch, Workers: w})
	for _, k := range []int{n, 5, 1, n} {
		got := conform.Outputs[T](f.d, k)
		p.Sample(f.rng(71), got, cond.Samples(0, k), 1)
		if err := conform.Mats("draws", got, z.Samples(0, k), conform.Exact); err != nil {
			return conform.Prefix(err, "%d draws of one seed, against the first of %d", k, n)
		}
	}
	if conform.Mats("", f.draw(n, cond, 72, 1), z, conform.Exact) == nil {
		return fmt.Errorf("two seeds make the same draws; draw from rng alone")
	}
	return nil
}

func checkDrawViews[T bijector.Float](f *fixture[T]) error {
	const n = 17
	_, cond := f.data(n, 73)
	given, _ := conform.Framed(cond)
	got, whole := conform.Framed(conform.Outputs[T](f.d, n))
	f.base.NewBasePass(bijector.PassOptions{MaxBatch: n}).Sample(f.rng(74), got, given, 1)
	return conform.Prefix(conform.FirstError(
		conform.Intact("z", whole, n), conform.Mats("z", got, f.draw(n, cond, 74, 1), conform.Exact)),
		"Sample into a view of a larger batch")
}

// checkTemperature asks that draws have a density, at temperature 1 and below,
// and that a temperature has an effect. At 0 a density may be unbounded.
func checkTemperature[T bijector.Float](f *fixture[T]) error {
	_, cond := f.data(maxBatch, 75)
	warm := f.draw(maxBatch, cond, 76, 1)
	if err := checkFinite(f, warm, cond); err != nil {
		return conform.Prefix(err, "draws at temperature 1")
	}
	for _, t := range []float64{0, 0.5} {
		cold := f.draw(maxBatch, cond, 76, t)
		if t > 0 {
			if err := checkFinite(f, cold, cond); err != nil {
				return conform.Prefix(err, "draws at temperature %v", t)
			}
		}
		if conform.Mats("", warm, cold, conform.Exact) == nil {
			return fmt.Errorf("draws at temperature %v are those at 1", t)
		}
		for j := range cold.D {
			for i, v := range cold.Feature(j) {
				if !rows.IsFinite(v) {
					return fmt.Errorf("feature %d of draw %d at temperature %v is %v", j, i, t, v)
				}
			}
		}
	}
	return nil
}
