// Targets that are -Inf beyond a bound.

package vi_test

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
	"github.com/bijou-flow/bijou/vi"
)

// A target without mass where the flow draws is named, and one whose support the
// flow draws within is learned.
func TestTargetsOfBoundedSupport(t *testing.T) {
	exponential := vi.TargetFunc(2, func(g, x []float64) float64 {
		if x[0] < 0 || x[1] < 0 {
			return math.Inf(-1)
		}
		g[0], g[1] = -1, -1
		return -x[0] - x[1]
	})
	options := train.Options{Epochs: 16, Rate: 1e-2, Schedule: train.Cosine{}}
	_, err := vi.Fit(context.Background(), drawingFlow[float64](2, "none"), exponential, 2000, options)
	if !errors.Is(err, vi.ErrSupport) || !strings.Contains(err.Error(), "of the 100 draws") {
		t.Errorf("draws on both sides of a bound: error is %v, want ErrSupport", err)
	}
	// Where few draws of each batch are outside, ten such steps in a row end the run.
	rare := vi.TargetFunc(2, func(g, x []float64) float64 {
		if x[0] < -2 {
			return math.Inf(-1)
		}
		g[0], g[1] = -x[0], -x[1]
		return -(x[0]*x[0] + x[1]*x[1]) / 2
	})
	small := testkit.Must(coupling.RealNVP[float64](coupling.Recipe{Dim: 2, Layers: 2, Hidden: []int{4}, Norm: "none", OutScale: 0.01, Seed: 1}))
	f := testkit.Must(flow.New[float64](bijector.Invert[float64](small), distribution.StandardNormal[float64](2)))
	_, err = vi.Fit(context.Background(), f, rare, 20_000, train.Options{Epochs: 1, Batch: 1000})
	if !errors.Is(err, vi.ErrSupport) || !errors.Is(err, train.ErrDiverged) {
		t.Errorf("some draws beyond a bound: error is %v, want ErrSupport and ErrDiverged", err)
	}
	inside := testkit.Must(bijector.NewBounds[float64](bijector.BoundsSpec{Dim: 2, Features: []bijector.FeatureBounds{bijector.Above(0, 0), bijector.Above(1, 0)}}))
	chain := testkit.Must(coupling.RealNVP[float64](coupling.Recipe{Dim: 2, Layers: 4, Hidden: []int{16}, Norm: "none", Seed: 1}))
	drawing := testkit.Must(bijector.NewChain[float64](chain, bijector.Invert[float64](inside)))
	f = testkit.Must(flow.New[float64](bijector.Invert[float64](drawing), distribution.StandardNormal[float64](2)))
	report, err := vi.Fit(context.Background(), f, exponential, 2000, options)
	if err != nil || report.BadSteps > 0 || !(report.Loss() < 0.2) {
		t.Errorf("draws within the support: error is %v, report %+v", err, report)
	}
}
