// Several contexts times several draws: the order of rows, and bits.

package flow

import (
	"errors"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/nn"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// repeated has each row of x k times.
func repeated[T bijector.Float](x *bijector.Rows[T], k int) *bijector.Rows[T] {
	return testkit.RowsBy[T](x.Len()*k, x.Dim(), func(i, j int) float64 { return float64(x.Row(i / k)[j]) })
}

func TestSampleEach(t *testing.T) {
	f, e := flowOf[float32](2, 3), threeFlows[float32](Mixing{})
	layer := testkit.Must(bijector.NewChain[float32](newBend[float32](2, 3, 1), newBend[float32](2, 3, 2)))
	embedding := testkit.Must(nn.NewMLP[float32](nn.MLPSpec{In: 4, Out: 3, Hidden: []int{7}}))
	embedded := testkit.Must(NewWithEmbedding(layer, distribution.StandardNormal[float32](2), embedding))
	for _, size := range [][2]int{{1, 5}, {7, 1}, {7, 50}, {40, 31}, {3, 400}} {
		m, n := size[0], size[1]
		contexts := rowsOf[float32](m, 3)
		all := repeated(contexts, n)
		for _, workers := range []int{1, 4} {
			f.SetParallelism(workers)
			draws, logp, err := f.Given(contexts).SampleEachWithLogProb(testkit.NewRand(1), n)
			if err != nil {
				t.Fatal(err)
			}
			want, wantLogp, err := f.Given(all).SampleWithLogProb(testkit.NewRand(1), m*n)
			if err != nil || draws.Len() != m*n {
				t.Fatal(draws.Shape(), err)
			}
			testkit.Equal(t, "draws", draws.Values(), want.Values())
			testkit.Equal(t, "log-densities", logp, wantLogp)
			mixture := testkit.Must(e.Given(contexts).SampleEach(testkit.NewRand(1), n))
			testkit.Equal(t, "draws of an ensemble", mixture.Values(), testkit.Must(e.Given(all).Sample(testkit.NewRand(1), m*n)).Values())

			c := rowsOf[float32](m, 4)
			draws, logp, err = embedded.Given(c).SampleEachWithLogProb(testkit.NewRand(1), n)
			if err != nil {
				t.Fatal(err)
			}
			want = testkit.Must(embedded.Given(repeated(c, n)).Sample(testkit.NewRand(1), m*n))
			scores := testkit.Must(embedded.Given(repeated(c, n)).LogProb(draws))
			for i, v := range want.Values() {
				testkit.Near(t, "draws under embedded contexts", float64(draws.Values()[i]), float64(v), 1e-5)
			}
			for i, v := range scores {
				testkit.Near(t, "log-densities under embedded contexts", logp[i], v, 1e-4)
			}
		}
	}
	// A context with a NaN spoils its own draws, and names the first of them.
	for name, c := range map[string]struct {
		f *Flow[float32]
		d int
	}{"plain": {f, 3}, "embedded": {embedded, 4}} {
		contexts := rowsOf[float32](5, c.d)
		want := testkit.Must(c.f.Given(contexts).SampleEach(testkit.NewRand(2), 60))
		contexts.Row(3)[1] = float32(math.NaN())
		got, err := c.f.Given(contexts).SampleEach(testkit.NewRand(2), 60)
		var bad *bijector.RowError
		if !errors.As(err, &bad) || *bad != (bijector.RowError{What: "context", Row: 180, Count: 60, N: 300}) {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range 300 {
			for j, v := range got.Row(i) {
				if i/60 == 3 != math.IsNaN(float64(v)) || i/60 != 3 && v != want.Row(i)[j] {
					t.Fatalf("%s: row %d has %v, want %v", name, i, v, want.Row(i)[j])
				}
			}
		}
	}
	free := flowOf[float32](2, 0)
	testkit.Equal(t, "unconditional", testkit.Must(free.SampleEach(testkit.NewRand(1), 9)).Values(), testkit.Must(free.Sample(testkit.NewRand(1), 9)).Values())
	for name, err := range map[string]error{
		"no context":   third(f.SampleEach(testkit.NewRand(1), 3)),
		"wrong width":  third(f.Given(rowsOf[float32](2, 2)).SampleEach(testkit.NewRand(1), 3)),
		"unwanted":     third(free.Given(rowsOf[float32](2, 2)).SampleEach(testkit.NewRand(1), 3)),
		"no rows":      third(f.Given(rowsOf[float32](2, 3)).SampleEach(testkit.NewRand(1), 0)),
		"no generator": third(f.Given(rowsOf[float32](2, 3)).SampleEach(nil, 3)),
		"far too many": third(f.Given(rowsOf[float32](2, 3)).SampleEach(testkit.NewRand(1), math.MaxInt/200)),
	} {
		if !errors.Is(err, bijector.ErrContext) && !errors.Is(err, bijector.ErrShape) && !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func third[T bijector.Float](_ *bijector.Rows[T], err error) error { return err }
