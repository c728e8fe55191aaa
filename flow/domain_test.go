// Training data outside the domain of a layer: an error with column and rows,
// before anything is written to the model.

package flow_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

// positiveRows has log-normal values, with v in the rows of column j.
func positiveRows(n, d, j int, v float64, rows ...int) *bijector.Rows[float32] {
	rng := testkit.NewRand(4)
	return testkit.RowsBy[float32](n, d, func(i, k int) float64 {
		x := math.Exp(rng.NormFloat64())
		if k == j && slices.Contains(rows, i) {
			return v
		}
		return x
	})
}

// Bounds name the rows on them, an inferred bound those beyond it in later data.
func TestFitNamesRowsBeyondBounds(t *testing.T) {
	layer := func(b ...bijector.FeatureBounds) bijector.Layer[float32] {
		return testkit.Must(bijector.NewBounds[float32](bijector.BoundsSpec{Dim: 3, Features: b}))
	}
	fit := func(f *flow.Flow[float32], x *bijector.Rows[float32]) *bijector.DomainError {
		var e *bijector.DomainError
		if _, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 1}); err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		return e
	}
	onBound := positiveRows(200, 3, 1, 0, 7, 90)
	if e := fit(boundedFlow[float32](layer(bijector.Above(0, 0), bijector.Above(1, 0))), onBound); e == nil || e.Feature != 1 || !slices.Equal(e.Rows, []int{7, 90}) || e.OnBound != 2 {
		t.Errorf("zeros under a bound of 0: %v, want rows 7 and 90 of column 1", e)
	}
	closed := bijector.Above(1, 0)
	closed.Margin = 0.01
	if e := fit(boundedFlow[float32](layer(closed)), onBound); e != nil {
		t.Errorf("zeros under a bound of 0 with a margin: %v", e)
	}
	inferred := boundedFlow[float32](layer(bijector.FeatureBounds{Feature: 2, InferLower: true, InferUpper: true}))
	if e := fit(inferred, onBound); e != nil {
		t.Errorf("bounds inferred from the data: %v", e)
	}
	if e := fit(inferred, positiveRows(200, 3, 2, 1e6, 5)); e == nil || e.Feature != 2 || !slices.Equal(e.Rows, []int{5}) {
		t.Errorf("a value far beyond an inferred bound: %v, want row 5 of column 2", e)
	}
}

func TestFitNamesRowsOutsideTheDomain(t *testing.T) {
	zeros := []int{31, 5, 77, 190}
	permuted := testkit.Must(bijector.NewChain[float32](
		testkit.Must(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 3, Kind: "given", Indices: []int{2, 0, 1}})),
		positivePart[float32](3, 0, 1)))
	for name, c := range map[string]struct {
		layer  bijector.Layer[float32]
		data   *bijector.Rows[float32]
		column int
		want   []string
	}{
		"zeros under an inverted softplus": {
			positivePart[float32](3, 0, 1), positiveRows(200, 3, 0, 0, zeros...), 0,
			[]string{"column 0", "inverted *bijector.Softplus[float32]", "4 of 200 rows, 4 of them on a bound", "the first is row 5, with 0", "Alpha"},
		},
		"beyond a logit": {
			logitOf[float32](3, 0), testkit.RowsBy[float32](200, 3, func(i, j int) float64 {
				return []float64{0.5, 0.25, []float64{0.75, 1.5}[i%2]}[j]
			}), 2,
			[]string{"column 2", "*bijector.Logit[float32]", "above 0 and below 1", "100 of 200 rows, 0 of them on a bound", "row 1, with 1.5"},
		},
		"behind a permutation": {
			permuted, positiveRows(200, 3, 2, -1, 9), 2, []string{"column 2", "1 of 200 rows", "row 9, with -1"},
		},
	} {
		for split, o := range map[string]train.Options{
			"all": {Epochs: 1, ValidationFraction: train.NoValidation}, "split": {Epochs: 1, ValidationFraction: 0.3, Seed: 2}, "noise": {Epochs: 1, Noise: 1e-9, ValidationFraction: train.NoValidation},
		} {
			t.Run(name+", "+split, func(t *testing.T) {
				f := boundedFlow[float32](c.layer)
				before := testkit.Bits[float32](f)
				report, err := train.Fit(context.Background(), f, train.Tensor(c.data), o)
				var e *bijector.DomainError
				if !errors.As(err, &e) || !errors.Is(err, bijector.ErrDomain) || report != nil {
					t.Fatalf("report %v, error %v, want a DomainError alone", report, err)
				}
				if e.Feature != c.column || e.Others != 0 {
					t.Errorf("column %d and %d others, want %d alone", e.Feature, e.Others, c.column)
				}
				for _, w := range c.want {
					if split == "all" && !strings.Contains(err.Error(), w) {
						t.Errorf("error %q does not say %q", err, w)
					}
				}
				for i, row := range e.Rows {
					v := float64(c.data.Row(row)[c.column])
					if split == "all" && v != e.Values[i] {
						t.Errorf("row %d holds %v, the error says %v", row, v, e.Values[i])
					}
					if v > 0 && v < 1 {
						t.Errorf("row %d is named, it holds %v", row, v)
					}
				}
				testkit.Equal(t, "parameters", testkit.Bits[float32](f), before)
			})
		}
	}
}

// A validation row without a density would make every validation infinite.
func TestFitNamesValidationRowsOutsideTheDomain(t *testing.T) {
	f := boundedFlow[float32](positivePart[float32](3, 0, 1))
	good, bad := positiveRows(200, 3, 0, 1), positiveRows(50, 3, 0, 0, 17)
	_, err := train.Fit(context.Background(), f, train.Tensor(good), train.Options{Epochs: 1, Validation: train.Tensor(bad)})
	var e *bijector.DomainError
	if !errors.As(err, &e) || len(e.Rows) != 1 || e.Rows[0] != 17 || !strings.Contains(err.Error(), "validation") {
		t.Fatalf("error %v, want validation row 17", err)
	}
}

// Without such rows the layer in front trains, and the flow scores.
func TestFitBehindAnInvertedSoftplus(t *testing.T) {
	f := boundedFlow[float32](positivePart[float32](3, 0, 3))
	x := positiveRows(400, 3, 0, 1)
	report, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 20, Rate: 3e-3})
	if err != nil || report.BadSteps > 0 || !(report.Loss() < report.Epochs[0].Loss) {
		t.Fatalf("report %+v, error %v", report, err)
	}
	if _, err := f.LogProb(x); err != nil {
		t.Error(err)
	}
}

// One member's domain is enough for a mixture.
func TestEnsembleHasTheDomainOfItsMembers(t *testing.T) {
	inner := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 3, Layers: 2, Hidden: []int{4}}))
	whole := testkit.Must(flow.New[float32](inner, distribution.StandardNormal[float32](3)))
	half := boundedFlow[float32](positivePart[float32](3, 0, 1))
	x := bijector.NewMat[float32](3, 2)
	if e := testkit.Must(flow.NewEnsemble(flow.Mixing{}, half, whole)); e.CheckDomain(x) != nil {
		t.Error(e.CheckDomain(x))
	}
	if e := testkit.Must(flow.NewEnsemble(flow.Mixing{}, half)); !errors.Is(e.CheckDomain(x), bijector.ErrDomain) {
		t.Error(e.CheckDomain(x))
	}
}

// Whatever a run's length, what it leaves scores.
func TestFitNeverLeavesNaN(t *testing.T) {
	x := positiveRows(300, 3, 0, 1)
	for _, rate := range []float64{30, 300, 1000} {
		for _, norm := range []string{"batch", "none"} {
			for _, batch := range []int{300, 100, 34} {
				layer := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 3, Layers: 8, Hidden: []int{16}, Norm: norm, Scale: "exp"}))
				f := testkit.Must(flow.New[float32](layer, distribution.StandardNormal[float32](3)))
				report, err := train.Fit(context.Background(), f, train.Tensor(x), train.Options{ValidationFraction: train.NoValidation, Epochs: 1, Batch: batch, Rate: rate})
				if err != nil && !errors.Is(err, train.ErrDiverged) || err != nil && report.Stopped != "diverged" {
					t.Fatalf("rate %g, norm %s, batch %d: report %+v, error %v", rate, norm, batch, report, err)
				}
				logp, e := f.LogProb(tensor.Tensor(x))
				bad := 0
				for _, v := range logp {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						bad++
					}
				}
				if bad > len(logp)/2 {
					t.Errorf("rate %g, norm %s, batch %d: %d of %d log-densities are not finite (%v), Fit says %v", rate, norm, batch, bad, len(logp), e, err)
				}
			}
		}
	}
}
