// The package as a program has it.

package bijoubeam_test

import (
	"context"
	"log"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"

	bijoubeam "github.com/bijou-flow/bijou/beam"
)

// Rows are scored on Prism, in this process.
func Example() {
	beam.Init()
	ctx := context.Background()
	model, err := bijoubeam.Open(ctx, "model.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	p := beam.NewPipeline()
	s := p.Root()
	rows := beam.Create(s, `{"kind":"a","size":1.5}`, `{"kind":"b","size":2}`)
	scored, rejected, err := bijoubeam.Score(s, model, rows)
	if err != nil {
		log.Fatal(err)
	}
	_, _ = scored, rejected // KV<string, Scored>, and Rejected
	if _, err := beam.Run(ctx, "prism", p); err != nil {
		log.Fatal(err)
	}
}
