package serve_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/serve"
)

// TestRowAlone: a row of a stream has the same answer to the bit, whether it
// came alone or with others.
func TestRowAlone(t *testing.T) {
	layer := testkit.Must(autoregressive.MAF[float32](autoregressive.Recipe{Dim: 8, Seed: 1, OutScale: 1}))
	f := testkit.Must(flow.New(layer, distribution.StandardNormal[float32](8)))
	h := testkit.Must(serve.New(testkit.Must(serve.Arrays(f, 8, nil)), serve.Options{}))
	rng := testkit.NewRand(1)
	for range 50 {
		row := fmt.Sprintf("[%f", rng.NormFloat64())
		for range 7 {
			row += fmt.Sprintf(",%f", rng.NormFloat64())
		}
		row += "]\n"
		alone, among := post(h, "/v1/score", ndjson, row).Body.String(), post(h, "/v1/score", ndjson, strings.Repeat(row, 5)).Body.String()
		if among != strings.Repeat(alone, 5) {
			t.Fatalf("%s alone, %s among others", alone, among)
		}
	}
}
