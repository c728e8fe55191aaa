// Logit with Clamp: the same inside, and nothing beyond.

package bijector_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

func TestClampedLogit(t *testing.T) {
	clampedLogit[float32](t)
	clampedLogit[float64](t)
}

func clampedLogit[T bijector.Float](t *testing.T) {
	for _, alpha := range []float64{0, 1e-6, 0.05} {
		plain := must(bijector.NewLogit[T](bijector.LogitSpec{Dim: 1, Alpha: alpha}))
		clamped := must(bijector.NewLogit[T](bijector.LogitSpec{Dim: 1, Alpha: alpha, Clamp: true}))
		run := func(l bijector.Layer[T], v float64, inverse bool) (float64, float64) {
			p, m, logDet := l.NewPass(bijector.PassOptions{MaxBatch: 1}), bijector.NewMat[T](1, 1), []float64{0}
			m.Data[0] = T(v)
			if inverse {
				p.Inverse(m, m, bijector.Mat[T]{}, logDet)
			} else {
				p.Forward(m, m, bijector.Mat[T]{}, logDet)
			}
			return float64(m.Data[0]), logDet[0]
		}
		for _, x := range []float64{1e-3, 0.2, 0.5, 0.9, 0.999} {
			z, logDet := run(clamped, x, false)
			if want, wantDet := run(plain, x, false); z != want || logDet != wantDet {
				t.Errorf("alpha %v: x = %v goes to %v, %v, want %v, %v as without Clamp", alpha, x, z, logDet, want, wantDet)
			}
		}
		for _, x := range []float64{-0.01, 1.01, -1e30, 1e30} {
			if _, logDet := run(clamped, x, false); !math.IsInf(logDet, -1) {
				t.Errorf("alpha %v: x = %v has the log-det %v, want -Inf", alpha, x, logDet)
			}
		}
		for _, z := range []float64{-1e30, -1e4, -80, -20, -3, -1, 0, 1, 3, 8, 20, 80, 1e4, 1e30} {
			x, logDet := run(clamped, z, true)
			if !(x >= 0 && x <= 1) || alpha == 0 && (x == 0 || x == 1) {
				t.Errorf("alpha %v: z = %v is drawn as %v", alpha, z, x)
			}
			// Near 1 an x without margin has few digits, unless it ends there.
			if _, back := run(clamped, x, false); (alpha > 0 || z < 10 || z > 40) && !(math.Abs(back+logDet) < 1e-3) {
				t.Errorf("alpha %v: z = %v is drawn with the log-det %v and scored, at %v, with %v", alpha, z, -logDet, x, back)
			}
		}
	}
}

// A model that was saved without the option has none.
func TestLogitSpecWithoutClamp(t *testing.T) {
	b := must(json.Marshal(bijector.LogitSpec{Dim: 3, Alpha: 0.05}))
	if got, want := string(b), `{"dim":3,"alpha":0.05}`; got != want {
		t.Errorf("a spec is %s, want %s", got, want)
	}
	var s bijector.LogitSpec
	if err := json.Unmarshal(b, &s); err != nil || s.Clamp {
		t.Errorf("spec %+v, error %v", s, err)
	}
	l := must(bijector.NewLogit[float64](s))
	if x, _ := applyScalar(must(bijector.NewLogit[float64](bijector.LogitSpec{Dim: 1, Alpha: 0.05})), 1e4, true); math.Abs(x-1-0.05/0.9) > 1e-12 {
		t.Errorf("without Clamp, a draw ends at %v, want %v (%v)", x, 1+0.05/0.9, l.Spec())
	}
}
