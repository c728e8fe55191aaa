// Plain slices are scored and drawn as tensors are, by many goroutines at once.

package flow

import (
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// slicesModel is what flows and ensembles have in common here.
type slicesModel[T bijector.Float] interface {
	LogProbRow(row []T) (float64, error)
	LogProbRowGiven(row, context []T) (float64, error)
	LogProbRows(dst []float64, x []T) error
	LogProbRowsGiven(dst []float64, x, contexts []T) error
}

func TestSlicesAgreeWithTensors(t *testing.T) {
	t.Run("float32", slicesAgreeWithTensors[float32])
	t.Run("float64", slicesAgreeWithTensors[float64])
}

func slicesAgreeWithTensors[T bijector.Float](t *testing.T) {
	f := flowOf[T](2, 3)
	e := threeFlows[T](Mixing{})
	for _, n := range []int{1, 7, 128, 129, 1000} {
		x, all, one := rowsOf[T](n, 2), rowsOf[T](n, 3), rowsOf[T](1, 3)
		for name, m := range map[string]struct {
			bound, free slicesModel[T]
			all, one    []float64
		}{
			"flow":     {f.Given(one), f, testkit.Must(f.Given(all).LogProb(x)), testkit.Must(f.Given(one).LogProb(x))},
			"ensemble": {e.Given(one), e, testkit.Must(e.Given(all).LogProb(x)), testkit.Must(e.Given(one).LogProb(x))},
		} {
			got := make([]float64, n)
			if err := m.free.LogProbRowsGiven(got, x.Values(), all.Values()); err != nil {
				t.Fatal(err)
			}
			testkit.Equal(t, name+", a context a row", got, m.all)
			if err := m.free.LogProbRowsGiven(got, x.Values(), one.Values()); err != nil {
				t.Fatal(err)
			}
			testkit.Equal(t, name+", one context", got, m.one)
			clear(got)
			if err := m.bound.LogProbRows(got, x.Values()); err != nil {
				t.Fatal(err)
			}
			testkit.Equal(t, name+", bound context", got, m.one)
		}
		draws := make([]T, 2*n)
		if err := f.SampleIntoGiven(draws, all.Values(), testkit.NewRand(3)); err != nil {
			t.Fatal(err)
		}
		testkit.Equal(t, "draws", draws, testkit.Must(f.Given(all).Sample(testkit.NewRand(3), n)).Values())
	}
	x, all := rowsOf[T](9, 2), rowsOf[T](9, 3)
	for i := range 9 {
		row, context := testkit.Rows(x.Row(i), 1, 2), testkit.Rows(all.Row(i), 1, 3)
		want := testkit.Must(f.Given(context).LogProb(row))[0]
		if got := testkit.Must(f.LogProbRowGiven(x.Row(i), all.Row(i))); got != want {
			t.Errorf("row %d has %v, want %v", i, got, want)
		}
		if got := testkit.Must(f.Given(context).LogProbRow(x.Row(i))); got != want {
			t.Errorf("row %d under a bound context has %v, want %v", i, got, want)
		}
	}
}

// Rows that have no density are told by value and error, and the others keep theirs.
func TestSlicesRefuse(t *testing.T) {
	f, given := flowOf[float64](2, 0), flowOf[float64](2, 3)
	x := slices.Clone(rowsOf[float64](300, 2).Values())
	want, got := make([]float64, 300), make([]float64, 300)
	if err := f.LogProbRows(want, x); err != nil {
		t.Fatal(err)
	}
	x[2*200] = math.NaN()
	err := f.LogProbRows(got, x)
	var bad *bijector.RowError
	if !errors.As(err, &bad) || *bad != (bijector.RowError{What: "input", Row: 200, Count: 1, N: 300}) || !math.IsNaN(got[200]) {
		t.Errorf("a NaN in row 200: %v, %v", got[200], err)
	}
	got[200] = want[200]
	testkit.Equal(t, "the other rows", got, want)

	logp, err := f.LogProbRow([]float64{1, math.Inf(1)})
	if !errors.As(err, &bad) || bad.What != "input" || !math.IsNaN(logp) {
		t.Errorf("an infinite value: %v, %v", logp, err)
	}
	logp, err = given.LogProbRowGiven([]float64{1, 2}, []float64{1, math.NaN(), 0})
	if !errors.As(err, &bad) || bad.What != "context" || !math.IsNaN(logp) {
		t.Errorf("a context with a NaN: %v, %v", logp, err)
	}
	logit := testkit.Must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 2}))
	bounded := newFlow[float64](logit, distribution.StandardNormal[float64](2))
	if logp, err := bounded.LogProbRow([]float64{0.5, 2}); err != nil || !math.IsInf(logp, -1) {
		t.Errorf("outside the support: %v, %v", logp, err)
	}

	rng := testkit.NewRand(1)
	for name, c := range map[string]struct{ err, want error }{
		"a short row":             {second(f.LogProbRow([]float64{1})), bijector.ErrShape},
		"no row":                  {second(f.LogProbRow(nil)), bijector.ErrShape},
		"no rows":                 {f.LogProbRows(nil, nil), bijector.ErrShape},
		"three values":            {f.LogProbRows(got[:1], x[:3]), bijector.ErrShape},
		"too few rows":            {f.LogProbRows(got[:3], x[:4]), bijector.ErrShape},
		"no context":              {second(given.LogProbRow(x[:2])), bijector.ErrContext},
		"an empty context":        {second(given.LogProbRowGiven(x[:2], nil)), bijector.ErrContext},
		"a short context":         {second(given.LogProbRowGiven(x[:2], x[:2])), bijector.ErrContext},
		"an unwanted context":     {second(f.LogProbRowGiven(x[:2], x[:2])), bijector.ErrContext},
		"two contexts":            {given.LogProbRowsGiven(got[:3], x[:6], x[:6]), bijector.ErrContext},
		"draws of two contexts":   {given.SampleIntoGiven(got[:6], x[:6], rng), bijector.ErrShape},
		"draws without a context": {given.SampleIntoGiven(got[:6], nil, rng), bijector.ErrContext},
		"draws without rng":       {given.SampleIntoGiven(got[:6], x[:3], nil), bijector.ErrSpec},
		"half a draw":             {given.SampleIntoGiven(got[:5], x[:3], rng), bijector.ErrShape},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func second(_ float64, err error) error { return err }

// Requests of every kind and size at once get the answers to their own rows.
func TestSlicesConcurrently(t *testing.T) {
	f := flowOf[float64](2, 3)
	f.SetParallelism(3)
	x, contexts := rowsOf[float64](300, 2), rowsOf[float64](300, 3)
	want := testkit.Must(f.Given(contexts).LogProb(x))
	draws := testkit.Must(f.Given(contexts).Sample(testkit.NewRand(5), 300)).Values()
	row := make([]float64, 300)
	for i := range row {
		row[i] = testkit.Must(f.LogProbRowGiven(x.Row(i), contexts.Row(i)))
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			logp, drawn := make([]float64, 300), make([]float64, 600)
			for k := range 12 {
				if err := f.LogProbRowsGiven(logp, x.Values(), contexts.Values()); err != nil || !slices.Equal(logp, want) {
					t.Errorf("all rows: other log-densities, %v", err)
				}
				if err := f.SampleIntoGiven(drawn, contexts.Values(), testkit.NewRand(5)); err != nil || !slices.Equal(drawn, draws) {
					t.Errorf("other draws, %v", err)
				}
				for i := g; i < 300; i += 16 + k {
					if got, err := f.LogProbRowGiven(x.Row(i), contexts.Row(i)); err != nil || got != row[i] {
						t.Errorf("row %d: %v, %v, want %v", i, got, err, row[i])
					}
				}
			}
		}()
	}
	wg.Wait()
}
