// Columns far from 1 in size, and columns that are nearly, but not quite, the
// same.

package flow_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// Two normal columns of mean 3 and deviation 1, in other units, have the density
// of the units that they are in.
func TestColumnsOfAnyMagnitude(t *testing.T) {
	magnitudes[float64](t, 1e-298, 1e-200, 1e-154, 1e-100, 1e-31, 1e100, 1e153, 1e200, 1e300)
	magnitudes[float32](t, 1e-35, 1e-31, 1e31)
}

func magnitudes[T bijector.Float](t *testing.T, units ...float64) {
	start := func() bijector.Layer[T] {
		return testkit.Must(bijector.NewStandardize[T](bijector.StandardizeSpec{Dim: 2}))
	}
	for _, unit := range units {
		for name, layers := range map[string][]bijector.Layer[T]{
			"Standardize":          {start()},
			"Standardize, ActNorm": {start(), testkit.Must(bijector.NewActNorm[T](bijector.ActNormSpec{Dim: 2}))},
			"RealNVP":              {testkit.Must(coupling.RealNVP[T](coupling.Recipe{Dim: 2, Layers: 2, Hidden: []int{4}, OutScale: 0.1}))},
		} {
			const n = 500
			rng := testkit.NewRand(1)
			x := testkit.RowsBy[T](n, 2, func(int, int) float64 { return unit * (3 + rng.NormFloat64()) })
			f := testkit.Must(flow.New[T](testkit.Must(bijector.NewChain(layers...)), distribution.StandardNormal[T](2)))
			if _, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 1}); err != nil {
				t.Errorf("%T, %s, units of %g: %v", *new(T), name, unit, err)
				continue
			}
			logp, err := f.LogProb(x)
			if err != nil {
				t.Errorf("%T, %s, units of %g: %v", *new(T), name, unit, err)
			}
			mean := 0.0
			for _, v := range logp {
				mean += v / n
			}
			if truth := -(1 + math.Log(2*math.Pi)) - 2*math.Log(unit); !(math.Abs(mean-truth) < 0.1) {
				t.Errorf("%T, %s, units of %g: a mean log-density of %v, want about %v", *new(T), name, unit, mean, truth)
			}
		}
	}
}

// A column is dependent where the others leave no more of it than its digits
// account for, however little of its variance that is.
func TestNearlyEqualColumns(t *testing.T) {
	const now, year = 1.7e9, 3.15e7
	const dependent = "a linear combination of columns"
	for _, c := range []struct {
		name           string
		d              int
		f              func(i int, x []float64)
		says32, says64 string // "": it is fine
	}{
		{"start and end", 2, func(i int, x []float64) {
			x[0] = now + year*uniform(i)
			x[1] = x[0] + 60*math.Abs(x[1])
		}, "a multiple of column 0", ""},
		{"start and end in whole seconds", 2, func(i int, x []float64) {
			x[0] = math.Floor(now + year*uniform(i))
			x[1] = math.Floor(x[0] + 60*math.Abs(x[1]))
		}, "a multiple of column 0", ""},
		{"start, end and duration", 3, func(i int, x []float64) {
			x[0] = now + year*uniform(i)
			x[1] = x[0] + 60*math.Abs(x[1])
			x[2] = x[1] - x[0]
		}, "a multiple of column 0", dependent + " 0, 1"},
		{"eight parts in 10^6", 2, func(_ int, x []float64) { x[1] = x[0] + 8e-6*x[1] }, "", ""},
		{"a part in 10^12", 2, func(_ int, x []float64) { x[1] = x[0] + 1e-12*x[1] }, "a multiple of column 0", ""},
		{"a sum in float32", 3, func(_ int, x []float64) {
			for j := range 2 {
				x[j] = float64(float32(x[j]))
			}
			x[2] = float64(float32(x[0]) + float32(x[1]))
		}, dependent + " 0, 1", dependent + " 0, 1"},
		{"a sum to six digits", 3, func(_ int, x []float64) {
			x[2] = math.Round(1e6*(x[0]+x[1])) / 1e6
		}, dependent + " 0, 1", dependent + " 0, 1"},
		{"a sum of nearly equal columns", 3, func(_ int, x []float64) {
			x[1] = x[0] + 1e-5*x[1]
			x[2] = 3*x[0] - 2*x[1]
		}, dependent + " 0, 1", dependent + " 0, 1"},
	} {
		check := func(element, says string, err error) {
			if (says == "") != (err == nil) || says != "" && (!errors.Is(err, flow.ErrDegenerate) || !strings.Contains(err.Error(), says)) {
				t.Errorf("%s, %s: %v, want %q", element, c.name, err, says)
			}
		}
		_, _, err := fitOnce(columns[float32](500, c.d, c.f), train.Options{ValidationFraction: train.NoValidation, Batch: 500})
		check("float32", c.says32, err)
		_, _, err = fitOnce(columns[float64](500, c.d, c.f), train.Options{ValidationFraction: train.NoValidation, Batch: 500})
		check("float64", c.says64, err)
	}
}

// uniform is a number in [0, 1) that has no pattern in i.
func uniform(i int) float64 {
	return testkit.NewRand(uint64(i)).Float64()
}
