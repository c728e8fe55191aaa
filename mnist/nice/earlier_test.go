// What earlier runs made is never destroyed.

package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEarlierRun: -force leaves a finished run as it is until another is
// finished, and an interrupted one, with its checkpoints, in any case.
func TestEarlierRun(t *testing.T) {
	dir := t.TempDir()
	if o := runTiny(context.Background(), dir, nil); o.code != 0 {
		t.Fatal(o.log)
	}
	before := tree(t, dir)
	if o := runTiny(context.Background(), dir, nil); o.code != 1 || !strings.Contains(o.log, "model.safetensors, samples.png, samples-0.8.png, curve.png, metrics.json of an earlier run") || strings.Contains(o.log, "data:") {
		t.Errorf("once more: code %d, %q", o.code, o.log)
	}
	for _, own := range []string{"unfinished", "unfinished-2"} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		o := runTiny(ctx, dir, func(log string) {
			if strings.Contains(log, "nice 1/") {
				cancel()
			}
		}, "-epochs", "100000", "-force")
		if o.code != 130 || !strings.HasSuffix(o.log, filepath.Join(dir, own)+"\n") {
			t.Errorf("interrupted: code %d, %q", o.code, o.log)
		}
		after := tree(t, dir)
		for path, content := range before {
			if after[path] != content {
				t.Errorf("interrupted into %s: %s is another", own, path)
			}
		}
		if before = after; before[filepath.Join(own, modelFile)] == "" {
			t.Errorf("no model in %s", own)
		}
	}
	if o := runTiny(context.Background(), dir, nil, "-force", "-seed", "2"); o.code != 0 {
		t.Fatal(o.log)
	}
	after := tree(t, dir)
	for path, content := range before {
		if replaced := after[path] != content; replaced != !strings.Contains(path, "unfinished") {
			t.Errorf("finished with -force: %s is another: %v", path, replaced)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, and %d before", len(after), len(before))
	}
}

// tree is all files below a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = os.ReadFile(filepath.Join(dir, path))
			all[filepath.FromSlash(path)] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestInterruptedAtOnce: nothing trained, nothing written.
func TestInterruptedAtOnce(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := runTiny(ctx, dir, nil)
	if o.code != 130 || !strings.Contains(o.log, "nothing was trained yet") {
		t.Errorf("code %d, %q", o.code, o.log)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v was written (%v)", files, err)
	}
}
