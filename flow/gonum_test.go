// Flows among gonum's distributions.

package flow

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distmv"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// scorer is a flow or an ensemble.
type testedModel[T bijector.Float] interface {
	LogProbInto(dst []float64, x tensor.Tensor) error
	SampleInto(dst []T, rng *rand.Rand) error
}

var (
	_ distmv.RandLogProber = (*RandLogProber[float32])(nil)
	_ distmv.RandLogProber = (*RandLogProber[float64])(nil)
)

// It has the densities and the draws of the model.
func TestGonum(t *testing.T) {
	t.Run("float32", testGonum[float32])
	t.Run("float64", testGonum[float64])
}

func testGonum[T bijector.Float](t *testing.T) {
	f, e := flowOf[T](2, 3).Given(rowsOf[T](1, 3)), threeFlows[T](unevenMixing).Given(rowsOf[T](1, 3))
	src := func() rand.Source { return rand.NewPCG(1, 2) }
	for name, c := range map[string]struct {
		g     *RandLogProber[T]
		model testedModel[T]
	}{
		"flow":     {testkit.Must(f.Gonum(src())), f},
		"ensemble": {testkit.Must(e.Gonum(src())), e},
	} {
		rng, row := rand.New(src()), make([]T, 2)
		for i := range 5 {
			if err := c.model.SampleInto(row, rng); err != nil {
				t.Fatal(err)
			}
			want := []float64{float64(row[0]), float64(row[1])}
			got := c.g.Rand(nil)
			if i%2 == 1 {
				into := make([]float64, 2)
				copy(into, got)
				got = into
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%s: draw %d is %v, want %v", name, i, got, want)
			}
			logp := make([]float64, 1)
			if err := c.model.LogProbInto(logp, testkit.Rows(row, 1, 2)); err != nil {
				t.Fatal(err)
			}
			if got := c.g.LogProb(got); got != logp[0] {
				t.Errorf("%s: log-density %v, want %v", name, got, logp[0])
			}
		}
		dst := []float64{7, 7}
		if got := c.g.Rand(dst); &got[0] != &dst[0] || dst[0] == 7 {
			t.Errorf("%s: Rand does not fill its argument", name)
		}
		if v := c.g.LogProb([]float64{math.NaN(), 0}); !math.IsNaN(v) {
			t.Errorf("%s: the density at NaN is %v", name, v)
		}
		if c.g.Dim() != 2 {
			t.Errorf("%s: %d features", name, c.g.Dim())
		}
		for what, f := range map[string]func(){
			"LogProb": func() { c.g.LogProb(make([]float64, 1)) },
			"Rand":    func() { c.g.Rand(make([]float64, 3)) },
		} {
			if !panics(f) {
				t.Errorf("%s: %s takes a row of another length", name, what)
			}
		}
	}
	g := testkit.Must(f.Gonum(nil))
	g.LogProb(make([]float64, 2))
	if !panics(func() { g.Rand(nil) }) {
		t.Error("Rand draws without a source")
	}
	over := testkit.Must(newFlow[T](bijector.Invert[T](newBend[T](2, 0, 1)), testkit.Must(distribution.NewNormal[T](distribution.NormalSpec{Dim: 2, Scale: []float64{1e6, 1e6}}))).Gonum(src()))
	if v := over.Rand(nil); !math.IsNaN(v[0]) {
		t.Errorf("a draw that overflows is %v", v)
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestGonumRefuses(t *testing.T) {
	f := flowOf[float64](2, 3)
	for name, c := range map[string]struct{ got, want error }{
		"no context":    {errOf(f.Gonum(nil)), bijector.ErrContext},
		"two contexts":  {errOf(f.Given(rowsOf[float64](2, 3)).Gonum(nil)), bijector.ErrContext},
		"temperature":   {errOf(f.Given(rowsOf[float64](1, 3)).WithTemperature(-1).Gonum(nil)), bijector.ErrSpec},
		"of a trio":     {errOf(threeFlows[float64](unevenMixing).Gonum(nil)), bijector.ErrContext},
		"trio, redraws": {errOf(threeFlows[float64](unevenMixing).Given(rowsOf[float64](1, 3)).WithRedraws(-1).Gonum(nil)), bijector.ErrSpec},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}
