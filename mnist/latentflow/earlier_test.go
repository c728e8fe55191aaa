// What earlier runs made is never destroyed.

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEarlierRun: a finished run stays as it is, whatever is started in its
// place and however that ends, until another one with -force is finished.
func TestEarlierRun(t *testing.T) {
	data, dir := sliceOfMNIST(), t.TempDir()
	args := func(more ...string) []string {
		return tiny(data, append([]string{"-encoder", "dense", "-out", dir}, more...)...)
	}
	mustRun(t, args()...)
	finished := files(t, dir)
	if len(finished) != 6 {
		t.Fatalf("a run of %d files: %q", len(finished), finished)
	}

	// Another run is refused before any work.
	o := latentflow(args("-seed", "2")...)
	if o.code != 1 || o.out != "" || strings.Count(o.log, "\n") != 1 {
		t.Errorf("once more: code %d, %q, %q", o.code, o.out, o.log)
	}
	for _, want := range append(finished, "-out "+dir, "-force") {
		if !strings.Contains(o.log, want) {
			t.Errorf("%q is missing in %q", want, o.log)
		}
	}
	unchanged := func(when string, before map[string]string) {
		t.Helper()
		for name, content := range before {
			if string(readFile(t, dir, name)) != content {
				t.Errorf("%s: %s is another", when, name)
			}
		}
	}
	first := contents(t, dir)
	unchanged("refused", first)

	// With -force and interrupted, it stands beside the finished one; so does
	// the next, beside both.
	for _, own := range []string{"unfinished", "unfinished-2"} {
		o := cancelAt("autoencoder 1/", args("-ae-epochs", "100000", "-force")...)
		if o.code != 130 || !strings.HasSuffix(o.log, "what was trained until then is in "+filepath.Join(dir, own)+"\n") {
			t.Errorf("interrupted: code %d, %q", o.code, o.log)
		}
		unchanged("interrupted", first)
		modelIn(t, filepath.Join(dir, own))
		for name, content := range contents(t, filepath.Join(dir, own)) {
			first[filepath.Join(own, name)] = content
		}
	}
	if len(first) != 3*6 {
		t.Errorf("%d files of three runs", len(first))
	}

	// With -force and finished, it takes the place of the finished one alone.
	mustRun(t, args("-seed", "2", "-force")...)
	if string(readFile(t, dir, modelFile)) == first[modelFile] {
		t.Error("-force did not replace the model")
	}
	for _, name := range finished {
		delete(first, name)
	}
	unchanged("replaced", first)
	if got := strings.Join(files(t, dir), " "); got != strings.Join(finished, " ") {
		t.Errorf("files %s", got)
	}
}

// TestTakenMeanwhile: what has come into the place of a run's files while it was
// at work stays too.
func TestTakenMeanwhile(t *testing.T) {
	data, dir := sliceOfMNIST(), t.TempDir()
	other := filepath.Join(dir, samplesFile)
	o := runUntil(context.Background(), func(log string) {
		if strings.Contains(log, "flow 1/1") {
			os.WriteFile(other, []byte("another run's"), 0o644)
		}
	}, tiny(data, "-encoder", "pca", "-out", dir)...)
	own := filepath.Join(dir, "unfinished")
	if o.code != 1 || !strings.Contains(o.log, samplesFile) || !strings.HasSuffix(o.log, own+"\n") {
		t.Errorf("code %d, %q", o.code, o.log)
	}
	if got := files(t, dir); len(got) != 1 || string(readFile(t, other)) != "another run's" {
		t.Errorf("files %q", got)
	}
	modelIn(t, own)
}

// TestForceFile: -force replaces a picture, and nothing else does.
func TestForceFile(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.png")
	args := []string{"sample", "-model", filepath.Join(convModel(), modelFile), "-n", "1", "-out", out}
	mustRun(t, args...)
	first := readFile(t, out)
	if o := latentflow(append(args, "-seed", "2")...); o.code != 1 || string(readFile(t, out)) != string(first) {
		t.Errorf("code %d, %q", o.code, o.log)
	}
	mustRun(t, append(args, "-seed", "2", "-force")...)
	if string(readFile(t, out)) == string(first) {
		t.Error("-force did not replace the picture")
	}
}

// files are the names of the files in a directory, sorted.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// contents are the files of a directory by their names.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range files(t, dir) {
		all[name] = string(readFile(t, dir, name))
	}
	return all
}
