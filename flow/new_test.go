// What New refuses: parts that make no flow.

package flow

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/internal/testkit"
)

func TestNewRefuses(t *testing.T) {
	var (
		layer  = bijector.Layer[float64](newBend[float64](3, 2, 1))
		normal = func(dim int) distribution.Base[float64] { return distribution.StandardNormal[float64](dim) }
		base   = normal(3)
	)
	for name, c := range map[string]struct {
		layer bijector.Layer[float64]
		base  distribution.Base[float64]
		want  error
		says  string
	}{
		"nothing":        {nil, nil, bijector.ErrSpec, "without a layer"},
		"no layer":       {nil, base, bijector.ErrSpec, "without a layer"},
		"no base":        {layer, nil, bijector.ErrSpec, "without a base"},
		"a wider base":   {layer, normal(4), bijector.ErrShape, "3 features"},
		"a narrow base":  {layer, testkit.Must(distribution.NewLogistic[float64](distribution.LogisticSpec{Dim: 2})), bijector.ErrShape, "(*distribution.Logistic[float64]) 2"},
		"no dimensions":  {layer, normal(0), bijector.ErrSpec, "0 dimensions"},
		"negative":       {layer, normal(-1), bijector.ErrSpec, "-1 dimensions"},
		"too many":       {layer, normal(math.MaxInt), bijector.ErrSpec, fmt.Sprint(math.MaxInt) + " dimensions"},
		"other contexts": {layer, conditional{distribution.StandardNormal[float64](3)}, bijector.ErrContext, "2 context"},
	} {
		if f, err := New(c.layer, c.base); f != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v, want %v with %q", name, f, err, c.want, c.says)
		}
	}
}
