// One call from rows to a latent model: what it holds out, leaves out, says and keeps.

package latent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

// sphere is n vectors of length 1 of 48 values, near a curved sheet of two
// dimensions; off puts them that far from it.
func sphere(n int, off float64, seed uint64) *bijector.Rows[float64] {
	const d = 48
	rng, shape := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(1, 2))
	w := make([]float64, 4*d)
	for i := range w {
		w[i] = shape.NormFloat64()
	}
	x := bijector.NewRows[float64](n, d)
	for i := range n {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		h, norm := [4]float64{1, math.Tanh(a), math.Tanh(b), math.Tanh(a - b)}, 0.0
		for j := range d {
			v := 0.05 * rng.NormFloat64()
			for k, f := range h {
				v += f * w[k*d+j]
			}
			v += off * rng.NormFloat64()
			x.Row(i)[j] = v
			norm += v * v
		}
		for j := range d {
			x.Row(i)[j] /= math.Sqrt(norm)
		}
	}
	return x
}

// quick are options of a fit that takes a moment.
func quick() Options { return Options{Auto: auto.Options{Steps: 10, Seed: 1}} }

func identity(t testing.TB, d int) autoencoder.Encoder[float64] {
	return testkit.Must(autoencoder.NewIdentity[float64](autoencoder.IdentitySpec{Dim: d}))
}

// TestFit: vectors on a sphere are shortened, those off the sheet are found, and normal
// ones raise as few alarms as was asked for.
func TestFit(t *testing.T) {
	x := sphere(600, 0, 3)
	var heard [][2]int
	o := quick()
	o.Batch, o.Alarm, o.Share = 250, 0.05, 0.95
	o.Progress = func(done, rows int) { heard = append(heard, [2]int{done, rows}) }
	m, r, err := Fit(context.Background(), identity(t, 48), train.Tensor(x), o)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(heard) != "[[250 600] [500 600] [600 600]]" {
		t.Errorf("progress %v", heard)
	}
	s := r.Reduction
	if !s.UnitNorm || s.Values != 48 || s.Components < 2 || s.Components > 6 || !(s.Kept >= 0.95 && s.Kept < 1) || s.Degenerate != 0 {
		t.Errorf("reduction %+v", s)
	}
	if r.Calibrated != 99 || r.Rows != 600 || r.Density.Rows != 501 || len(m.Calibration().Scores()) != 99 {
		t.Errorf("%d rows: %d fitted, %d calibrated", r.Rows, r.Density.Rows, r.Calibrated)
	}
	alarms := func(x tensor.Tensor) (share float64) {
		flags := testkit.Must(m.Flag(x, r.Alarm))
		for _, f := range flags {
			if f {
				share += 1 / float64(len(flags))
			}
		}
		return share
	}
	if a := alarms(sphere(1000, 0, 4)); a > 0.12 {
		t.Errorf("%.3f of normal rows raise an alarm at 0.05", a)
	}
	if a := alarms(sphere(300, 0.5, 5)); a < 0.95 {
		t.Errorf("%.3f of the rows off the sheet raise an alarm", a)
	}
	for _, part := range []string{"600 rows, embeddings of 48 values", "one length", "principal components have 9", "99 rows held out", "candidate"} {
		if !strings.Contains(r.String(), part) {
			t.Errorf("the report lacks %q:\n%s", part, r)
		}
	}
	if r.Threshold != testkit.Must(m.Threshold(0.05)) {
		t.Errorf("threshold %v", r.Threshold)
	}

	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := registry.Save(path, m); err != nil {
		t.Fatal(err)
	}
	loaded := testkit.Must(registry.Load[*autoencoder.Latent[float64]](path))
	a, b := testkit.Must(m.LogProb(x)), testkit.Must(loaded.LogProb(x))
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("row %d: %v, saved and loaded %v", i, a[i], b[i])
		}
	}
	if fmt.Sprint(m.PValues(a)) != fmt.Sprint(loaded.PValues(a)) {
		t.Error("p-values differ after loading")
	}
}

// TestReduce: what is shortened, and how far.
func TestReduce(t *testing.T) {
	gauss := func(n, d, constant int) *bijector.Rows[float64] {
		rng := rand.New(rand.NewPCG(7, 7))
		x := bijector.NewRows[float64](n, d)
		for i := range n {
			for j := range d - constant {
				x.Row(i)[j] = rng.NormFloat64() / float64(1+j)
			}
		}
		return x
	}
	for name, c := range map[string]struct {
		x                      *bijector.Rows[float64]
		share                  float64
		components, degenerate int
		residual               bool
	}{
		"short":                {gauss(300, 12, 0), 0.95, 0, 0, false},
		"constant values":      {gauss(300, 12, 3), 1, 9, 3, false},
		"wide":                 {gauss(300, 40, 0), 0.9, 6, 0, true},
		"few rows":             {gauss(30, 40, 0), 0.999, 3, 11, true},
		"fewer rows than that": {gauss(22, 40, 0), 0.999, 2, 19, true},
		"all the same":         {gauss(50, 40, 40), 0.95, 0, 40, false},
	} {
		pca, r, err := reduce(c.x, Options{Share: c.share})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Components != c.components || r.Degenerate != c.degenerate || (pca == nil) != (c.components == 0) {
			t.Errorf("%s: %+v, want %d components and %d degenerate directions", name, r, c.components, c.degenerate)
		}
		if pca != nil && pca.Spec().(autoencoder.PCASpec).Residual != c.residual {
			t.Errorf("%s: a residual: %v", name, !c.residual)
		}
	}
}

// counting counts the rows that an encoder embeds.
type counting struct {
	autoencoder.Encoder[float64]
	rows int
	fail error
}

func (c *counting) Encode(x tensor.Tensor) (*bijector.Rows[float64], error) {
	c.rows += x.Shape()[0]
	if c.fail != nil {
		return nil, c.fail
	}
	return c.Encoder.Encode(x)
}

// TestCache: embeddings are read where rows and encoder are the same, and nowhere else.
func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	x := sphere(60, 0, 3)
	embed := func(e autoencoder.Encoder[float64], x tensor.Tensor, key string) (*bijector.Rows[float64], bool) {
		o := testkit.Must(Options{Cache: dir, CacheKey: key}.withDefaults())
		var r Report
		z, err := cachedEmbeddings(context.Background(), e, train.Tensor(x), o, &r)
		if err != nil {
			t.Fatal(err)
		}
		return z, r.Cached
	}
	e := &counting{Encoder: identity(t, 48)}
	for i, c := range []struct {
		key    string
		x      *bijector.Rows[float64]
		cached bool
	}{{"a", x, false}, {"a", x, true}, {"b", x, false}, {"a", sphere(60, 0, 4), false}, {"b", x, true}} {
		z, cached := embed(e, c.x, c.key)
		if cached != c.cached || fmt.Sprint(z.Values()) != fmt.Sprint(c.x.Values()) {
			t.Errorf("call %d: cached %v, want %v", i, cached, c.cached)
		}
	}
	if e.rows != 180 {
		t.Errorf("%d rows were embedded, want three times 60", e.rows)
	}
	// An encoder with state is known by it.
	dense := testkit.Must(autoencoder.NewDense[float64](autoencoder.DenseSpec{In: 48, Embedding: 2, Loss: "squared"}))
	first, _ := embed(dense, x, "")
	if z, cached := embed(dense, x, ""); !cached || z.Values()[0] != first.Values()[0] {
		t.Error("the same network is embedded anew")
	}
	dense.Params()[0].Data[0]++
	dense.Invalidate()
	if _, cached := embed(dense, x, ""); cached {
		t.Error("a changed network has the embeddings of the old one")
	}
	// Damaged files are as good as none.
	for _, f := range testkit.Must(os.ReadDir(dir)) {
		path := filepath.Join(dir, f.Name())
		raw := testkit.Must(os.ReadFile(path))
		raw[len(raw)-3] ^= 1
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if z, cached := embed(e, x, "a"); cached || z.Row(3)[2] != x.Row(3)[2] {
		t.Error("a damaged file is read")
	}
	if _, cached := embed(e, x, "a"); !cached {
		t.Error("a damaged file is not written anew")
	}
	if _, err := cachedEmbeddings[float64](context.Background(), e, train.Tensor(x), Options{Cache: dir, Batch: 10}, &Report{}); !errors.Is(err, ErrOptions) {
		t.Errorf("an encoder without a name: %v", err)
	}
}

// TestConditional: contexts reach density, calibration and posteriors.
func TestConditional(t *testing.T) {
	const n = 240
	rng := rand.New(rand.NewPCG(1, 2))
	x, c := bijector.NewRows[float64](n, 3), bijector.NewRows[float64](n, 2)
	for i := range n {
		c.Row(i)[i%2] = 1
		for j := range 3 {
			x.Row(i)[j] = rng.NormFloat64() + 3*float64(i%2)
		}
	}
	o := quick()
	o.Auto.Steps = 100
	m, r, err := Fit(context.Background(), identity(t, 3), train.Tensor(x).Given(c), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Reduction.Components != 0 || m.ContextDim() != 2 || !strings.Contains(r.String(), "as they are") {
		t.Errorf("contexts of %d values, report\n%s", m.ContextDim(), r)
	}
	p := testkit.Must(m.Posterior(x, flow.Classes{}))
	right := 0
	for i := range n {
		if p.Row(i)[i%2] > 0.5 {
			right++
		}
	}
	if right < 0.95*n {
		t.Errorf("%d of %d rows have the class they are of", right, n)
	}
	if v := m.PValues(testkit.Must(m.Given(c).LogProb(x))); !(v[0] > 0 && v[0] <= 1) {
		t.Errorf("p-value %v", v[0])
	}
}

func TestFitErrors(t *testing.T) {
	x, mine := sphere(60, 0, 3), errors.New("mine")
	bad := sphere(60, 0, 3)
	bad.Row(41)[1] = math.NaN()
	for name, c := range map[string]struct {
		e    autoencoder.Encoder[float64]
		data train.Source
		o    Options
		want error
	}{
		"no encoder":       {nil, train.Tensor(x), Options{}, ErrOptions},
		"no data":          {identity(t, 48), nil, Options{}, ErrOptions},
		"share":            {identity(t, 48), train.Tensor(x), Options{Share: 1.1}, ErrOptions},
		"calibration":      {identity(t, 48), train.Tensor(x), Options{Calibration: -1}, ErrOptions},
		"alarm":            {identity(t, 48), train.Tensor(x), Options{Alarm: math.NaN()}, ErrOptions},
		"batch":            {identity(t, 48), train.Tensor(x), Options{Batch: -1}, ErrOptions},
		"few rows":         {identity(t, 48), train.Tensor(sphere(19, 0, 3)), Options{}, ErrOptions},
		"weights":          {identity(t, 48), train.Tensor(x).Weighted(make([]float64, 60)), Options{}, ErrOptions},
		"width":            {identity(t, 47), train.Tensor(x), Options{}, bijector.ErrShape},
		"a NaN":            {identity(t, 48), train.Tensor(bad), Options{}, bijector.ErrNonFinite},
		"an encoder fails": {&counting{Encoder: identity(t, 48), fail: mine}, train.Tensor(x), Options{}, mine},
		"too few to alarm": {identity(t, 48), train.Tensor(x), Options{Alarm: 0.001, Auto: auto.Options{Steps: 5}}, ErrOptions},
		"auto's":           {identity(t, 48), train.Tensor(x), Options{Auto: auto.Options{Trim: 1}}, auto.ErrOptions},
	} {
		m, _, err := Fit(context.Background(), c.e, c.data, c.o)
		if !errors.Is(err, c.want) || m != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if name == "a NaN" && !strings.Contains(fmt.Sprint(err), "row 41") {
			t.Errorf("a NaN in row 41: %v", err)
		}
	}
	//lint:ignore SA1012 a nil context is what is tested
	if _, _, err := Fit(nil, identity(t, 48), train.Tensor(x), Options{}); !errors.Is(err, ErrOptions) { //nolint:staticcheck
		t.Errorf("no context: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Fit(ctx, identity(t, 48), train.Tensor(x), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ended: %v", err)
	}
}
