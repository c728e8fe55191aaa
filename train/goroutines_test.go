// Runs leave no goroutine behind, however they end.

package train_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// panicking is a Source that panics after some rows.
type panicking struct {
	train.Source
	left int
}

func (p *panicking) Read(rows []int, x, context *tensor.Dense) error {
	if p.left -= len(rows); p.left < 0 {
		panic("a source's own")
	}
	return p.Source.Read(rows, x, context)
}

func TestNoGoroutineIsLeft(t *testing.T) {
	data := train.Tensor(normalRows[float32](400, 3, 1))
	failing := errors.New("the disk is gone")
	runs := map[string]func(ctx context.Context, cancel func(), f *flow.Flow[float32]){
		"to the end": func(ctx context.Context, _ func(), f *flow.Flow[float32]) {
			train.Fit(ctx, f, data, train.Options{Epochs: 2, Workers: 4})
		},
		"cancelled": func(ctx context.Context, cancel func(), f *flow.Flow[float32]) {
			train.Fit(ctx, f, data, train.Options{Epochs: 50, Workers: 4, Observer: observer{step: func(train.StepEvent) { cancel() }}})
		},
		"diverged": func(ctx context.Context, _ func(), f *flow.Flow[float32]) {
			train.Fit(ctx, f, data, train.Options{Epochs: 5, Rate: 1e6, Workers: 4})
		},
		"refused": func(ctx context.Context, _ func(), f *flow.Flow[float32]) {
			train.Fit(ctx, f, train.Tensor(normalRows[float32](400, 2, 1)), train.Options{Workers: 4})
		},
		"a source that fails": func(ctx context.Context, _ func(), f *flow.Flow[float32]) {
			n := 0
			train.Fit(ctx, f, &recordingSource{Source: data, fail: func(rows []int) error {
				if n += len(rows); n > 900 {
					return failing
				}
				return nil
			}}, train.Options{Epochs: 5, Workers: 4})
		},
		"a source that panics": func(ctx context.Context, _ func(), f *flow.Flow[float32]) {
			defer func() { _ = recover() }()
			train.Fit(ctx, f, &panicking{data, 900}, train.Options{Epochs: 5, Workers: 4})
		},
		"evaluation": func(ctx context.Context, _ func(), f *flow.Flow[float32]) { train.Evaluate(ctx, f, data) },
		"scores and draws": func(_ context.Context, _ func(), f *flow.Flow[float32]) {
			f.LogProb(normalRows[float32](3000, 3, 1))
			f.SampleInto(make([]float32, 9000), nil)
		},
	}
	for name, run := range runs {
		f := must(flow.New(must(coupling.RealNVP[float32](coupling.Recipe{Dim: 3, Layers: 2, Hidden: []int{8}})), distribution.StandardNormal[float32](3)))
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(context.Background())
		run(ctx, cancel, f)
		cancel()
		deadline := time.Now().Add(5 * time.Second)
		for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if after := runtime.NumGoroutine(); after > before {
			stacks := make([]byte, 1<<16)
			t.Errorf("%s: %d goroutines before, %d after\n%s", name, before, after, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
