package fuzzing

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestExecutions counts the inputs, which are others each time and the same by a seed.
func TestExecutions(t *testing.T) {
	dir := t.TempDir()
	file := "go test fuzz v1\nbyte('\\x01')\n[]byte(\"\\x00found\")\nstring(\"text\")\n"
	if err := os.WriteFile(filepath.Join(dir, "1"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(corpusEnv, dir)
	t.Setenv(executionsEnv, "5000")
	all := func() (inputs [][]byte) {
		Executions(t, [][]byte{[]byte(`{"a":12}`)}, func(raw []byte, _ uint64) bool {
			inputs = append(inputs, bytes.Clone(raw))
			return true
		})
		return inputs
	}
	first := all()
	distinct, ofFound := map[string]bool{}, 0
	for i, raw := range first {
		distinct[string(raw)] = true
		if bytes.Contains(raw, []byte("found")) || bytes.Contains(raw, []byte("text")) {
			ofFound++
		}
		if len(raw) > len(`{"a":12}`)+maxGrowth {
			t.Errorf("input %d has %d bytes", i, len(raw))
		}
	}
	if len(first) != 5000 || len(distinct) < 2000 || ofFound < 500 {
		t.Errorf("%d inputs, %d distinct, %d from the corpus", len(first), len(distinct), ofFound)
	}
	if again := all(); !bytes.Equal(bytes.Join(again, nil), bytes.Join(first, nil)) {
		t.Error("the same seed gives other inputs")
	}
	t.Setenv(seedEnv, "2")
	if again := all(); bytes.Equal(bytes.Join(again, nil), bytes.Join(first, nil)) {
		t.Error("another seed gives the same inputs")
	}
	t.Setenv(executionsEnv, "")
	if none := all(); none != nil {
		t.Errorf("%d inputs unasked", len(none))
	}
}
