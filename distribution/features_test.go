// Log-densities feature by feature add up to those of the whole.

package distribution

import (
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestFeaturePassesAddUp(t *testing.T) {
	loc, scale := []float64{0.5, -1, 2}, []float64{1, 0.3, 2}
	for _, base := range []Base[float64]{
		testkit.Must(NewNormal[float64](NormalSpec{Dim: 3, Loc: loc, Scale: scale, Learned: true})),
		testkit.Must(NewLogistic[float64](LogisticSpec{Dim: 3, Loc: loc, Scale: scale})),
		testkit.Must(NewStudentT[float64](StudentTSpec{Dim: 3, Loc: loc, Scale: scale})),
		testkit.Must(NewUniform[float64](UniformSpec{Dim: 3, Lo: []float64{-2, 0, -3}, Hi: []float64{3, 1, 2}})),
		testkit.Must(NewIndependent[float64](IndependentSpec{Dim: 3, Marginals: []MarginalSpec{{Kind: "normal", Params: []float64{1, 2}}, {Kind: "weibull", Params: []float64{2, 3}}, {Kind: "laplace", Params: []float64{1, 2}}}})),
	} {
		const n = 40
		pass := base.NewBasePass(bijector.PassOptions{MaxBatch: n})
		z, logp, want := testkit.Must(bijector.MatOf[float64](testkit.Gauss[float64](n, 3, 1), 3)), bijector.NewMat[float64](3, n), make([]float64, n)
		pass.LogProb(z, bijector.Mat[float64]{}, want)
		logp.Feature(1)[0] = 7 // it adds
		want[0] += 7
		pass.(FeaturePass[float64]).LogProbFeatures(z, logp)
		for i, v := range want {
			got := logp.Feature(0)[i] + logp.Feature(1)[i] + logp.Feature(2)[i]
			if math.IsInf(v, -1) != math.IsInf(got, -1) || !math.IsInf(v, -1) && !testkit.IsNear(got, v, 1e-12) {
				t.Errorf("%T: row %d has %v in sum, want %v", base, i, got, v)
			}
		}
	}
	mixture := testkit.Must(NewMixture[float64](MixtureSpec{Dim: 3, Components: 2}))
	if _, ok := mixture.NewBasePass(bijector.PassOptions{MaxBatch: 1}).(FeaturePass[float64]); ok {
		t.Error("the features of a mixture are not independent")
	}
}
