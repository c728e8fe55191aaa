// Weights that are refused: by their values, by the model, and by a checkpoint.

package train_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/train"
)

func TestWeightsThatAreRefused(t *testing.T) {
	x := testkit.Gauss[float64](6, 1, 1)
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name    string
		weights []float64
		is      []error
		says    string
	}{
		{"negative", []float64{0, 1, 2, -1.5, -2, 1}, nil, "weight of row 3 of the %s is -1.5 (2 of 6"},
		{"NaN", []float64{1, 1, 1, 1, 1, nan}, nil, "weight of row 5 of the %s is NaN (1 of 6"},
		{"infinite", []float64{inf, 1, 1, 1, 1, nan}, nil, "weight of row 0 of the %s is +Inf (2 of 6"},
		{"minus infinity", []float64{1, -inf, 1, 1, 1, 1}, nil, "weight of row 1 of the %s is -Inf"},
		{"all zero", make([]float64, 6), nil, "all 6 weights of the %s are 0"},
		{"too few", []float64{1, 2}, []error{bijector.ErrShape}, "the %s has 6 rows and 2 weights"},
		{"too many", make([]float64, 7), []error{bijector.ErrShape}, "6 rows and 7 weights"},
		{"empty", []float64{}, []error{bijector.ErrShape}, "6 rows and 0 weights"},
	} {
		bad, good := train.Tensor(x).Weighted(c.weights), train.Tensor(x)
		check := func(what string, r *train.Report, err error) {
			t.Helper()
			says := strings.ReplaceAll(c.says, "%s", what)
			if r != nil || !errors.Is(err, train.ErrWeights) || err != nil && !strings.Contains(err.Error(), says) {
				t.Errorf("%s: report %v, error %v, want %q", c.name, r, err, says)
			}
			for _, is := range c.is {
				if !errors.Is(err, is) {
					t.Errorf("%s: error %v, want %v", c.name, err, is)
				}
			}
		}
		m := weightedToy{newToy[float64](1, 0)}
		r, err := train.Fit(context.Background(), m, bad, train.Options{ValidationFraction: 0.5, Seed: 3})
		check("training data", r, err)
		r, err = train.Fit(context.Background(), m, good, train.Options{Validation: bad})
		check("validation data", r, err)
		_, err = train.Evaluate(context.Background(), m, bad)
		check("data", nil, err)
	}
	m := newToy[float64](1, 0)
	w := []float64{1, 2, 1, 1, 1, 1}
	r, err := train.Fit(context.Background(), m, train.Tensor(x).Weighted(w), train.Options{ValidationFraction: train.NoValidation})
	if r != nil || !errors.Is(err, train.ErrWeights) || m.steps > 0 {
		t.Errorf("a model that takes no weights: report %v, error %v, %d steps", r, err, m.steps)
	}
	if _, err = train.Fit(context.Background(), m, train.Tensor(x), train.Options{Epochs: 1, Validation: train.Tensor(x).Weighted(w)}); err != nil {
		t.Errorf("its validation on weighted rows: %v", err)
	}
	big := []float64{1e308, 1e308, 1e308, 5e307, 1e308, 1e308}
	loss := must(train.Evaluate(context.Background(), m, train.Tensor(x).Weighted(big)))
	testkit.Near(t, "loss by large weights", loss, must(train.Evaluate(context.Background(), m, train.Tensor(x).Weighted([]float64{2, 2, 2, 1, 2, 2}))), 1e-12)
}

// A run is taken up with the weights that it started with.
func TestResumeWithOtherWeights(t *testing.T) {
	x, held := testkit.Gauss[float64](30, 1, 1), testkit.Gauss[float64](10, 1, 2)
	w, other, heldW := make([]float64, 30), make([]float64, 30), make([]float64, 10)
	for i := range w {
		w[i], other[i], heldW[i/3] = 1+float64(i), 1+float64(i), 1+float64(i)
	}
	other[17]++
	o := train.Options{ValidationFraction: train.NoValidation, Epochs: 2, Batch: 10, Checkpoint: train.Checkpoint{Dir: t.TempDir(), Resume: true}}
	run := func(w, heldW []float64) error {
		o.Validation = train.Tensor(held).Weighted(heldW)
		_, err := train.Fit(context.Background(), weightedToy{newToy[float64](1, 0)}, train.Tensor(x).Weighted(w), o)
		return err
	}
	if err := run(w, heldW); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what    string
		w, held []float64
		says    string
	}{
		{"other weights", other, heldW, "weights of the rows is"},
		{"no weights", nil, heldW, "weights of the rows is nothing now"},
		{"other weights of validation", w, other[:10], "weights of the validation rows is"},
		{"no weights of validation", w, nil, "weights of the validation rows is nothing now"},
	} {
		if err := run(c.w, c.held); !errors.Is(err, train.ErrResume) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want %q", c.what, err, c.says)
		}
	}
	if err := run(w, heldW); err != nil {
		t.Errorf("the same weights: %v", err)
	}
}

// Dequantized rows have the weights of the rows below, and noise that does not
// depend on them.
func TestWeightsOfDequantizedRows(t *testing.T) {
	x := testkit.RowsBy[float64](20, 1, func(i, _ int) float64 { return float64(i % 2) })
	w := counts(20)
	m := weightedToy{newToy[float64](1, 0)}
	loss := must(train.Evaluate(context.Background(), m, train.Dequantize(train.Tensor(x).Weighted(w), 2, 1)))
	all := must(bijector.RowsOf(make([]float64, 20), 20, 1))
	rows := make([]int, 20)
	want, total := 0.0, 0.0
	for i := range rows {
		rows[i] = i
	}
	if err := train.Dequantize(train.Tensor(x), 2, 1).Read(rows, all.Dense(), nil); err != nil {
		t.Fatal(err)
	}
	for i, v := range all.Values() {
		want, total = want+w[i]*v*v/2, total+w[i]
	}
	testkit.Near(t, "loss", loss, want/total, 1e-12)
}

// Rows are named as the user counts them, the ones without weight included.
func TestRowsAreCountedWithThoseOfWeightZero(t *testing.T) {
	x := testkit.Gauss[float64](9, 1, 1)
	x.Row(7)[0] = math.NaN()
	w := []float64{0, 1, 0, 1, 2, 0, 1, 3, 0}
	_, err := train.Fit(context.Background(), weightedToy{newToy[float64](1, 0)}, train.Tensor(x).Weighted(w), train.Options{Epochs: 1, ValidationFraction: 0.4})
	var e *bijector.RowError
	if !errors.As(err, &e) || e.Row != 7 || e.N != 9 {
		t.Errorf("error %v, want row 7 of 9", err)
	}
}
