package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// TestPipesAreNoModels: a model or a schema that is a pipe is refused at once,
// without waiting for its other end.
func TestPipesAreNoModels(t *testing.T) {
	pipe := testkit.Pipe(t, "pipe.safetensors")
	data := filepath.Join(model(t), "data.csv")
	for _, args := range [][]string{
		{"score", "-model", pipe, data},
		{"sample", "-model", pipe},
		{"info", pipe},
		{"serve", pipe},
		{"schema", data, "-schema", pipe},
	} {
		if r := do(args...); r.code != command.Failed || !strings.Contains(r.log, "it is no regular file") || r.out != "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
}
