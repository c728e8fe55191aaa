// Command pipeline scores rows by a flow on Prism, as a module that requires
// bijou/beam.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"

	bijoubeam "github.com/bijou-flow/bijou/beam"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
)

func main() {
	beam.Init()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "pipeline")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 2, Hidden: []int{8}, Seed: 1})
	if err != nil {
		return err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](2))
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "flow.safetensors")
	if err := registry.Save(path, f); err != nil {
		return err
	}
	model, err := bijoubeam.Open(ctx, path)
	if err != nil {
		return err
	}
	p := beam.NewPipeline()
	s := p.Root()
	if _, _, err := bijoubeam.Score(s, model, beam.Create(s, []float32{0, 1}, []float32{2, 3}, []float32{4})); err != nil {
		return err
	}
	result, err := beam.Run(ctx, "prism", p)
	if err != nil {
		return err
	}
	counts := map[string]int64{}
	for _, c := range result.Metrics().Query(func(metrics.SingleResult) bool { return true }).Counters() {
		counts[c.Name()] += c.Result()
	}
	if counts["rows_scored"] != 2 || counts["rows_rejected"] != 1 {
		return fmt.Errorf("counted %v, want 2 rows scored and 1 rejected", counts)
	}
	fmt.Println("2 rows scored, 1 rejected")
	return nil
}
