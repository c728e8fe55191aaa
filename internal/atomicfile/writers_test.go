// Several writers of one file: under two spellings of its path, and in two
// processes that have the same number.

package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// series writes path n times.
func series(path, text string, n int) error {
	var errs []error
	for range n {
		if err := Write(path, contents(text)); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errors.Join(errs[0], errors.New("and others"))
}

// TestSpellings writes one file under its relative and its absolute path, and
// through a link to its directory, at once.
func TestSpellings(t *testing.T) {
	dir := t.TempDir()
	from, err := os.Getwd()
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer os.Chdir(from)
	paths := []string{"m", filepath.Join(dir, "m")}
	if err := os.Symlink(".", "link"); err == nil {
		paths = append(paths, filepath.Join("link", "m"))
	} else if runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(paths))
	for i, path := range paths {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = series(path, strings.Repeat(string(rune('a'+i)), 20_000), 60)
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	os.Remove("link")
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("files %q", left)
	}
}
