package registry_test

import (
	"testing"

	"github.com/bijou-flow/bijou/internal/corpus"
)

func TestCorpusIsRefused(t *testing.T) {
	for name, raw := range corpus.Files(t) {
		if err := load(raw); err == nil {
			t.Errorf("%s loaded", name)
		}
	}
}
