// A service: many goroutines score and read results in the natural way, while
// another trains, saves, loads and swaps the model.

package flow_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/train"
)

// served is a flow with what it says of the rows that are asked for.
type served struct {
	f    *flow.Flow[float32]
	logp []float64
	z    []float32
}

// Results stay what they were while they are read, however their memory is
// reached and whatever else allocates: log-densities as slices, and rows by
// Data, Values, Row and Slice, where the tensor's own Data would let the
// collector take them. BIJOU_SERVE is the number of seconds, 3 without it.
func TestServing(t *testing.T) {
	seconds := 3
	if s := os.Getenv("BIJOU_SERVE"); s != "" {
		seconds = testkit.Must(strconv.Atoi(s))
	}
	const n, dim, classes = 300, 4, 3
	rng := rand.New(rand.NewPCG(1, 2))
	x, contexts := bijector.NewRows[float32](n, dim), bijector.NewRows[float32](n, classes)
	for i := range n {
		for j := range x.Row(i) {
			x.Row(i)[j] = float32(rng.NormFloat64())
		}
		contexts.Row(i)[i%classes] = 1
	}
	serve := func(f *flow.Flow[float32]) *served {
		given := f.Given(contexts)
		return &served{f, testkit.Must(given.LogProb(x)), testkit.Must(given.Forward(x)).Values()}
	}
	chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: dim, ContextDim: classes, Layers: 3, Hidden: []int{16}, Seed: 1}))
	f := testkit.Must(flow.New(chain, distribution.StandardNormal[float32](dim)))
	var current atomic.Pointer[served]
	path := filepath.Join(t.TempDir(), "model.safetensors")
	publish := func() { // a copy: f itself is trained
		if err := registry.Save(path, f); err != nil {
			t.Fatal(err)
		}
		current.Store(serve(testkit.Must(registry.LoadFlow[float32](path))))
	}
	publish()

	goroutines := runtime.NumGoroutine()
	var calls, wrong, swaps atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := g; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				m := current.Load()
				given := m.f.Given(contexts)
				if i%2 == 0 {
					logp, err := given.LogProb(x)
					if err != nil {
						t.Error(err)
						return
					}
					calls.Add(1)
					for k, v := range logp {
						if v != m.logp[k] {
							wrong.Add(1)
						}
					}
					continue
				}
				z, err := given.Forward(x)
				if err != nil {
					t.Error(err)
					return
				}
				calls.Add(1)
				values := z.Data().([]float32) // the last use of z
				for k, v := range values {
					if math.Float32bits(v) != math.Float32bits(m.z[k]) {
						wrong.Add(1)
					}
				}
			}
		}()
	}
	for end := time.Now().Add(time.Duration(seconds) * time.Second); time.Now().Before(end); swaps.Add(1) {
		if _, err := train.Fit(context.Background(), f, train.Tensor(x).Given(contexts), train.Options{ValidationFraction: train.NoValidation, Epochs: 1}); err != nil {
			t.Fatal(err)
		}
		publish()
	}
	close(stop)
	wg.Wait()
	t.Logf("%d calls, %d swaps", calls.Load(), swaps.Load())
	if wrong.Load() > 0 || calls.Load() == 0 || swaps.Load() == 0 {
		t.Errorf("%d values of %d calls over %d models are not the model's", wrong.Load(), calls.Load(), swaps.Load())
	}
	for range 100 { // they take a moment to end
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
}
