// Files that are not what they say: values that contradict the spec, or that
// make a map without an inverse.

package registry_test

import (
	"math"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
)

// contradicting is a flow of a layer, in a file to be forged.
func contradicting[T bijector.Float](t *testing.T, l bijector.Layer[T]) *forgery {
	t.Helper()
	return open(t, saved(t, must(flow.New(l, distribution.Base[T](distribution.StandardNormal[T](l.Dim()))))))
}

func TestContradictions(t *testing.T) {
	maf := must(autoregressive.NewAffine[float32](autoregressive.AffineSpec{Dim: 3, Hidden: []int{4}}))
	reverse := must(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 3, Kind: "reverse"}))
	half := must(coupling.NewAffine[float32](coupling.AffineSpec{Dim: 3, Hidden: []int{2}, Mask: coupling.MaskSpec{Kind: "half"}}))
	norm := must(bijector.NewBatchNorm[float32](bijector.BatchNormSpec{Dim: 2}))
	norm64 := must(bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 2}))
	lu := must(bijector.NewLU[float32](bijector.LUSpec{Dim: 2, Start: "identity"}))
	lu64 := must(bijector.NewLU[float64](bijector.LUSpec{Dim: 2, Start: "identity"}))
	scale := must(bijector.NewScale[float32](bijector.ScaleSpec{Dim: 2}))
	act := must(bijector.NewActNorm[float32](bijector.ActNormSpec{Dim: 2}))
	for _, c := range []struct {
		what, tensor string
		file         *forgery
		data         any // what the tensor holds
		says         string
	}{
		{"a masked weight", "0.weight", contradicting[float32](t, maf), []float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, `"0.weight" has 1 in row 3 and column 2`},
		// The buffer is what a layer is, and the spec how it began: a program may
		// write to the buffer.
		{"another order than the spec's", "order", contradicting[float32](t, maf), []int64{2, 1, 0}, ""},
		{"another permutation", "indices", contradicting[float32](t, reverse), []int64{0, 1, 2}, ""},
		{"another mask", "mask", contradicting[float32](t, half), []int64{0, 1, 0}, ""},
		{"an order that is none", "order", contradicting[float32](t, maf), []int64{2, 2, 0}, "order"},
		{"a permutation that is none", "indices", contradicting[float32](t, reverse), []int64{0, 1, 3}, "permutation"},
		{"a variance of 0", "var", contradicting[float32](t, norm), []float64{0, 1}, ""},
		{"a variance of 1e70", "var", contradicting[float32](t, norm), []float64{1e70, 1}, ""},
		{"a variance beyond float32", "var", contradicting[float32](t, norm), []float64{1, 1e308}, `"log_gamma and var"`},
		{"the same in float64", "var", contradicting[float64](t, norm64), []float64{1, 1e308}, ""},
		{"a negative variance", "var", contradicting[float64](t, norm64), []float64{1, -1}, `"var"`},
		{"a gamma beyond float32", "log_gamma", contradicting[float32](t, norm), []float32{-90, 0}, `"log_gamma and var"`},
		{"an LU of exp(-200)", "factors", contradicting[float32](t, lu), []float32{-200, 0, 0, 0}, `"factors"`},
		{"the same in float64", "factors", contradicting[float64](t, lu64), []float64{-200, 0, 0, 0}, ""},
		{"an LU beyond float64", "factors", contradicting[float64](t, lu64), []float64{0, 0, 0, 709}, `"factors"`},
		{"a scale of exp(88)", "log_scale", contradicting[float32](t, scale), []float32{88, 0}, `"log_scale"`},
		{"a scale of exp(87)", "log_scale", contradicting[float32](t, scale), []float32{-87, 87}, ""},
		{"an actnorm of exp(-88)", "log_scale", contradicting[float32](t, act), []float32{0, -88}, `"log_scale"`},
	} {
		for i := range c.file.items {
			if it := &c.file.items[i]; strings.HasSuffix(it.Name, c.tensor) {
				it.Data = c.data
			}
		}
		raw := c.file.file(t)
		var err error
		if c.file.meta["dtype"] == "float64" {
			_, err = registry.Read[*flow.Flow[float64]](strings.NewReader(string(raw)), int64(len(raw)))
		} else {
			err = load(raw)
		}
		if c.says == "" {
			if err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		wantError(t, c.what, err, bijector.ErrSpec, c.says)
	}
}

// What could not be loaded is not saved.
func TestContradictionsAreNotSaved(t *testing.T) {
	lu := must(bijector.NewLU[float32](bijector.LUSpec{Dim: 2}))
	lu.Params()[0].Data[0] = float32(math.Log(1e-44))
	wantError(t, "an LU of 1e-44", registry.Write(new(strings.Builder), lu), bijector.ErrSpec, `"factors"`)
}
