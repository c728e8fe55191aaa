package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/mnist/latentflow/internal/page"
	"github.com/bijou-flow/bijou/registry"
)

// paged is a page with what it was made of.
type paged struct {
	handler *page.Page
	model   *autoencoder.Latent[float32]
	test    *mnist.Set
	z       *bijector.Rows[float32]
}

func pageOf(dir func() string) func() paged {
	return sync.OnceValue(func() (p paged) {
		var err error
		if p.model, err = registry.Load[*autoencoder.Latent[float32]](dir() + "/" + modelFile); err != nil {
			panic(err)
		}
		if _, p.test, err = mnist.LoadDir(sliceOfMNIST()); err != nil {
			panic(err)
		}
		if p.z, err = embed(p.model.Encoder(), p.test, p.model.Flow().Dim()); err != nil {
			panic(err)
		}
		p.handler, err = page.New(page.Options{Model: p.model, Name: "m", Test: p.test, Embeddings: p.z, Host: "digits.example"})
		if err != nil {
			panic(err)
		}
		return p
	})
}

var (
	convPage          = pageOf(convModel)
	unconditionalPage = pageOf(unconditionalModel)
)

// request is one to the page's own server.
func request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (p paged) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

// ask decodes the answer of a route into a V, in which nothing may be unknown.
func ask[V any](t *testing.T, p paged, route, body string) (v V) {
	t.Helper()
	w := p.do(request("POST", "/api/"+route, body))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s: status %d\n%s", route, body, w.Code, w.Body)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// What the routes answer.
type (
	readingAnswer struct {
		Milliseconds float64   `json:"milliseconds"`
		LogDensity   float64   `json:"log_density"`
		PValue       float64   `json:"p_value"`
		Posterior    []float64 `json:"posterior"`
		Pixels       []byte    `json:"pixels"`
		Embedding    []float64 `json:"embedding"`
	}
	digitAnswer struct {
		readingAnswer
		Latent []float64 `json:"latent"`
	}
	inkAnswer struct {
		readingAnswer
		Reconstruction []byte `json:"reconstruction"`
		Label          *int   `json:"label"`
	}
	manyAnswer struct {
		Milliseconds float64   `json:"milliseconds"`
		Pixels       []byte    `json:"pixels"`
		LogDensity   []float64 `json:"log_density"`
		Class        []int     `json:"class"`
	}
)

// grayOf are values in [0, 1] as the page has them.
func grayOf(values []float32) []byte {
	gray := make([]byte, len(values))
	for i, v := range values {
		gray[i] = byte(math.Round(255 * float64(min(max(v, 0), 1))))
	}
	return gray
}

// overall are the log-densities of embeddings, their classes unknown.
func (p paged) overall(t *testing.T, z *bijector.Rows[float32]) []float64 {
	t.Helper()
	classes := p.model.Flow().ContextDim()
	sum := make([]float64, z.Len())
	for k := range classes {
		for i, v := range testkit.Must(p.model.Flow().Given(oneHots(classes, 1, func(int) int { return k })).LogProb(z)) {
			sum[i] += math.Exp(v) / float64(classes)
		}
	}
	for i := range sum {
		sum[i] = math.Log(sum[i])
	}
	return sum
}

// near fails unless two numbers are the same to rounding in float32.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 2e-3*max(1, math.Abs(want))) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// reads compares what is said of an embedding with what the library says.
func (p paged) reads(t *testing.T, a readingAnswer, z *bijector.Rows[float32]) {
	t.Helper()
	near(t, "log-density", a.LogDensity, p.overall(t, z)[0])
	near(t, "p-value", a.PValue, testkit.Must(flow.NewCalibration(p.overall(t, p.z))).PValue(a.LogDensity))
	posterior := testkit.Must(p.model.Flow().Posterior(z, flow.Classes{}))
	for k, v := range posterior.Row(0) {
		near(t, fmt.Sprintf("posterior of %d", k), a.Posterior[k], float64(v))
	}
}

// A seed draws the digit that the command sample draws, and the latent and the
// embedding that come with it lead back to it.
func TestPageDigit(t *testing.T) {
	p := convPage()
	a := ask[digitAnswer](t, p, "digit", `{"digit": 7, "seed": 5, "temperature": 0.7}`)
	pixels, err := drawDigits(context.Background(), p.model.WithTemperature(0.7), 1, 7, 5)
	if err != nil || !bytes.Equal(a.Pixels, grayOf(pixels)) {
		t.Errorf("not the draw of the command sample (%v)", err)
	}
	f := p.model.Flow().Given(oneHots(10, 1, func(int) int { return 7 }))
	z := testkit.Must(f.WithTemperature(0.7).Sample(page.Rand(5), 1))
	for j, v := range testkit.Must(f.Forward(z)).Row(0) {
		near(t, "latent", a.Latent[j], float64(v))
	}
	p.reads(t, a.readingAnswer, z)
	if a.Milliseconds <= 0 {
		t.Errorf("%v ms", a.Milliseconds)
	}
	for name, v := range map[string][]float64{"latent": a.Latent, "embedding": a.Embedding} {
		b := ask[digitAnswer](t, p, "digit", string(testkit.Must(json.Marshal(map[string]any{"digit": 7, name: v}))))
		for i := range b.Pixels {
			if d := int(b.Pixels[i]) - int(a.Pixels[i]); d < -1 || d > 1 {
				t.Fatalf("by its %s, pixel %d is %d, want %d", name, i, b.Pixels[i], a.Pixels[i])
			}
		}
		for j := range a.Latent {
			near(t, "latent by "+name, b.Latent[j], a.Latent[j])
			near(t, "embedding by "+name, b.Embedding[j], a.Embedding[j])
		}
	}
}

// Coordinates of an embedding are along the principal axes of the test images:
// their mean is 0 and their mean square 1, and no two go together.
func TestPageAxes(t *testing.T) {
	p := convPage()
	var all [][]float64
	for i := range p.test.Len() {
		all = append(all, ask[inkAnswer](t, p, "ink", fmt.Sprintf(`{"test": %d}`, i)).Embedding)
	}
	d := len(all[0])
	for j := range d {
		mean, products := 0.0, make([]float64, d)
		for _, a := range all {
			mean += a[j] / float64(len(all))
			for k := range d {
				products[k] += a[j] * a[k] / float64(len(all))
			}
		}
		near(t, "mean", mean, 0)
		for k, v := range products {
			want := 0.0
			if k == j {
				want = 1
			}
			if math.Abs(v-want) > 0.02 { // a hundred images: the variance is of 99 degrees of freedom
				t.Errorf("axes %d and %d: %v, want %v", j, k, v, want)
			}
		}
	}
	var model struct {
		Classes, Latent, Height, Width, Tests int
		Shares, Deviations, Effects           []float64
	}
	if err := json.Unmarshal(p.do(request("GET", "/api/model", "")).Body.Bytes(), &model); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, s := range model.Shares {
		sum += s
	}
	near(t, "shares", sum, 1)
	if model.Classes != 10 || model.Latent != 4 || model.Height != 28 || model.Width != 28 || model.Tests != 100 || len(model.Deviations) != 4 || !slices.IsSortedFunc(model.Shares, func(a, b float64) int { return int(math.Copysign(1, b-a)) }) {
		t.Errorf("%+v", model)
	}
	// How much direction 3 changes digits, digit by digit.
	sum = 0
	for k := range 10 {
		a := ask[digitAnswer](t, p, "digit", fmt.Sprintf(`{"digit": %d, "latent": [0, 0, -1, 0]}`, k)).Pixels
		for i, v := range ask[digitAnswer](t, p, "digit", fmt.Sprintf(`{"digit": %d, "latent": [0, 0, 1, 0]}`, k)).Pixels {
			sum += math.Abs(float64(v) - float64(a[i]))
		}
	}
	near(t, "effect of direction 3", model.Effects[2], sum/7840)
}

// A test image, and a digit drawn by hand.
func TestPageInk(t *testing.T) {
	p := convPage()
	a := ask[inkAnswer](t, p, "ink", `{"test": 3}`)
	if !bytes.Equal(a.Pixels, p.test.Image(3)) || *a.Label != p.test.Label(3) {
		t.Errorf("not test image 3")
	}
	z := testkit.Must(bijector.RowsOf(p.z.Row(3), 1, 4))
	p.reads(t, a.readingAnswer, z)
	if back := grayOf(testkit.Must(p.model.Decode(z)).Values()); !bytes.Equal(a.Reconstruction, back) {
		t.Error("not its reconstruction")
	}
	a = ask[inkAnswer](t, p, "ink", `{"strokes": [[[0, 0], [1, 0], [0.4, 1.8]], [[0.2, 1]]]}`)
	x := bijector.NewRows[float32](1, 784)
	ink := 0
	for i, v := range a.Pixels {
		x.Row(0)[i] = float32(v) / 255
		ink += int(v)
	}
	if ink < 255*40 || a.Label != nil {
		t.Errorf("ink of %d pixels, label %v", ink/255, a.Label)
	}
	p.reads(t, a.readingAnswer, testkit.Must(p.model.Encode(x)))
}

// Walks begin and end at their ends, and the field has the point in its middle.
func TestPageMany(t *testing.T) {
	p := convPage()
	const size = 784
	from, to := `{"digit": 3, "seed": 1}`, `{"digit": 8, "latent": [0.5, -1, 0, 2]}`
	a := ask[manyAnswer](t, p, "walk", fmt.Sprintf(`{"from": %s, "to": %s, "steps": 101}`, from, to))
	b, c := ask[digitAnswer](t, p, "digit", from), ask[digitAnswer](t, p, "digit", to)
	if len(a.Pixels) != 101*size || len(a.LogDensity) != 101 || len(a.Class) != 101 {
		t.Fatalf("%d pixels, %d densities, %d classes", len(a.Pixels), len(a.LogDensity), len(a.Class))
	}
	like(t, "start", a.Pixels[:size], b.Pixels)
	like(t, "end", a.Pixels[100*size:], c.Pixels)
	near(t, "log-density of the end", a.LogDensity[100], c.LogDensity)
	half := bijector.NewRows[float32](1, 10)
	half.Row(0)[3], half.Row(0)[8] = 0.5, 0.5
	middle := bijector.NewRows[float32](1, 4)
	for j := range middle.Row(0) {
		middle.Row(0)[j] = float32(b.Latent[j]+c.Latent[j]) / 2
	}
	z := testkit.Must(p.model.Flow().Given(half).Inverse(middle))
	like(t, "middle", a.Pixels[50*size:51*size], grayOf(testkit.Must(p.model.Decode(z)).Values()))

	field := ask[manyAnswer](t, p, "field", `{"digit": 8, "latent": [0.5, -1, 0, 2], "x": 3, "y": 0, "centre": [2, 0.5], "step": 0.5, "columns": 5, "rows": 3}`)
	if len(field.Pixels) != 15*size {
		t.Fatalf("%d pixels", len(field.Pixels))
	}
	like(t, "middle of the field", field.Pixels[7*size:8*size], c.Pixels)
	corner := ask[digitAnswer](t, p, "digit", `{"digit": 8, "latent": [1, -1, 0, 1]}`)
	like(t, "upper left corner", field.Pixels[:size], corner.Pixels)
	near(t, "log-density of the corner", field.LogDensity[0], corner.LogDensity)
	if want := testkit.Must(json.Marshal(corner.Posterior)); corner.Posterior[field.Class[0]] != slices.Max(corner.Posterior) {
		t.Errorf("class %d of the corner, whose posterior is %s", field.Class[0], want)
	}
}

// like fails unless two pictures are the same to rounding.
func like(t *testing.T, what string, got, want []byte) {
	t.Helper()
	for i := range want {
		if d := int(got[i]) - int(want[i]); d < -1 || d > 1 {
			t.Errorf("%s: pixel %d is %d, want %d", what, i, got[i], want[i])
			return
		}
	}
}

// A model without classes is asked without a digit, and has no posterior.
func TestPageWithoutClasses(t *testing.T) {
	p := unconditionalPage()
	a := ask[digitAnswer](t, p, "digit", `{"seed": 2}`)
	pixels, err := drawDigits(context.Background(), p.model, 1, -1, 2)
	if err != nil || !bytes.Equal(a.Pixels, grayOf(pixels)) || a.Posterior != nil {
		t.Errorf("not the draw of the command sample (%v), or with a posterior %v", err, a.Posterior)
	}
	z := testkit.Must(p.model.Flow().Sample(page.Rand(2), 1))
	near(t, "log-density", a.LogDensity, testkit.Must(p.model.Flow().LogProb(z))[0])
	if w := ask[manyAnswer](t, p, "walk", `{"from": {"seed": 1}, "to": {"seed": 2}, "steps": 2}`); w.Class != nil || len(w.LogDensity) != 2 {
		t.Errorf("%v, %v", w.Class, w.LogDensity)
	}
	if w := p.do(request("POST", "/api/digit", `{"digit": 1, "seed": 2}`)); w.Code != http.StatusBadRequest {
		t.Errorf("status %d for a digit", w.Code)
	}
}

// Where the source is, for tests that read it.
func staticFile(t *testing.T, name string) string {
	t.Helper()
	return string(testkit.Must(os.ReadFile("internal/page/static/" + name)))
}
