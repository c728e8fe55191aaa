package safetensors

import (
	"bytes"
	"testing"

	"github.com/bijou-flow/bijou/internal/corpus"
)

func TestCorpusIsRefused(t *testing.T) {
	for name, raw := range corpus.Files(t) {
		if _, err := ReadHeader(bytes.NewReader(raw), int64(len(raw))); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
