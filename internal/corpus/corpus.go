// Package corpus keeps the hostile files that tests make as files in their
// testdata/hostile, for other readers to try and for fuzzing to start from.
package corpus

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/hostile anew")

// maxFile bounds what is kept as a file; larger ones are made by the
// tests alone.
const maxFile = 4 << 10

func pathOf(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return filepath.Join("testdata", "hostile", name+".safetensors")
}

// Check holds the file of a test to the one that is committed under its
// name.
func Check(t *testing.T, name string, raw []byte) {
	t.Helper()
	if len(raw) > maxFile {
		return
	}
	path := pathOf(name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, raw) {
		t.Errorf("%s is not the file of this test (%v); run the tests with -update", path, err)
	}
}

// Files are all files of the corpus by their names.
func Files(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "hostile", "*.safetensors"))
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d files in testdata/hostile (%v), want 40 and more", len(paths), err)
	}
	all := map[string][]byte{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = raw
	}
	return all
}
