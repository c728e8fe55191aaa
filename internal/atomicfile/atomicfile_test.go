package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder is a file system that writes down its steps and fails at one.
type recorder struct {
	System
	steps  []string
	failAt string
	dead   bool // after the failure nothing works, as after a kill
}

var errInjected = errors.New("injected")

func (r *recorder) step(name string) error {
	if r.dead && slices.Contains(r.steps, "FAIL "+r.failAt) {
		return errInjected
	}
	if name == r.failAt {
		r.steps = append(r.steps, "FAIL "+name)
		return errInjected
	}
	if len(r.steps) == 0 || r.steps[len(r.steps)-1] != name {
		r.steps = append(r.steps, name)
	}
	return nil
}

func (r *recorder) Remove(name string) error {
	if err := r.step("remove"); err != nil {
		return err
	}
	return r.System.Remove(name)
}

func (r *recorder) Create(name string, mode fs.FileMode) (File, error) {
	if err := r.step("create"); err != nil {
		return nil, err
	}
	f, err := r.System.Create(name, mode)
	return &recordedFile{f, r}, err
}

func (r *recorder) Rename(from, to string) error {
	if err := r.step("rename"); err != nil {
		return err
	}
	return r.System.Rename(from, to)
}

func (r *recorder) SyncDir(dir string) error {
	if err := r.step("sync dir"); err != nil {
		return err
	}
	return r.System.SyncDir(dir)
}

type recordedFile struct {
	File
	r *recorder
}

func (f *recordedFile) Write(p []byte) (int, error) {
	if err := f.r.step("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2]) // a full disk takes a part
		return n, err
	}
	return f.File.Write(p)
}

func (f *recordedFile) Sync() error {
	if err := f.r.step("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *recordedFile) Close() error {
	err := f.r.step("close")
	return errors.Join(err, f.File.Close())
}

func contents(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	n, err := System{}.Names(dir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(n)
	return n
}

func TestOrder(t *testing.T) {
	r := &recorder{}
	path := filepath.Join(t.TempDir(), "m")
	if err := WriteTo(r, path, contents("new")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"create", "write", "sync", "close", "rename", "sync dir"}; !slices.Equal(r.steps, want) {
		t.Errorf("steps %q, want %q", r.steps, want)
	}
	if got := read(t, path); got != "new" {
		t.Errorf("contents %q", got)
	}
}

// TestFailure fails at each step, once with an error and once as a kill would,
// and looks at what is there afterwards and after the next write.
func TestFailure(t *testing.T) {
	for _, at := range []string{"create", "write", "sync", "close", "rename", "sync dir"} {
		for _, dead := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s dead=%v", at, dead), func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "m")
				if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
					t.Fatal(err)
				}
				err := WriteTo(&recorder{failAt: at, dead: dead}, path, contents("new"))
				if !errors.Is(err, errInjected) || !strings.Contains(err.Error(), "cannot write "+path) {
					t.Errorf("error %v", err)
				}
				want := "old"
				if at == "sync dir" {
					want = "new"
				}
				if got := read(t, path); got != want {
					t.Errorf("contents %q, want %q", got, want)
				}
				left := names(t, dir)
				if leaves := dead && at != "create" && at != "sync dir"; (len(left) > 1) != leaves {
					t.Errorf("files %q, temporary ones expected: %v", left, leaves)
				}
				if err := Write(path, contents("next")); err != nil {
					t.Fatal(err)
				}
				if got, left := read(t, path), names(t, dir); got != "next" || len(left) != 1 {
					t.Errorf("after the next write: %q, files %q", got, left)
				}
			})
		}
	}
}

func TestWriterFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m")
	if err := Write(path, contents("old")); err != nil {
		t.Fatal(err)
	}
	err := Write(path, func(w io.Writer) error {
		w.Write(bytes.Repeat([]byte("x"), 1<<20))
		return errInjected
	})
	if !errors.Is(err, errInjected) {
		t.Error(err)
	}
	func() {
		defer func() { recover() }()
		Write(path, func(io.Writer) error { panic("in the writer") })
	}()
	if got, left := read(t, path), names(t, dir); got != "old" || len(left) != 1 {
		t.Errorf("contents %q, files %q", got, left)
	}
}

func TestConcurrentWrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m")
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			errs[i] = Write(path, contents(strings.Repeat(string(rune('a'+i)), 100_000)))
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	got := read(t, path)
	if got != strings.Repeat(got[:1], 100_000) || len(names(t, dir)) != 1 {
		t.Errorf("mixed contents or leftovers: %q", names(t, dir))
	}
}

func TestPermissionsAndLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.WriteFile(real, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(real, 0o664); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, contents("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode().Type() != fs.ModeSymlink || read(t, real) != "new" {
		t.Errorf("the link was replaced (%v, %v)", info.Mode(), err)
	}
	if info, _ := os.Stat(real); info.Mode().Perm() != 0o664 {
		t.Errorf("permissions are now %v", info.Mode())
	}
}

func TestErrorsSayWhy(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		"":                                 "empty",
		dir:                                "is a directory",
		filepath.Join(dir, "none", "m"):    "directory does not exist",
		filepath.Join(dir, "new") + "/":    "separator",
		os.DevNull:                         "no regular file",
		filepath.Join(dir, "a\x00b"):       "invalid argument",
		filepath.Join(dir, longName("m")):  "file name too long",
		filepath.Join(os.DevNull, "below"): "",
	} {
		err := Write(path, contents("x"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "cannot write "+path) {
			t.Errorf("%q: got %v, want %q", path, err, want)
		}
		if err != nil && strings.Contains(err.Error(), tempSuffix) {
			t.Errorf("%q: the error speaks of a temporary file's name: %v", path, err)
		}
	}
	r := denied{}
	err := WriteTo(r, filepath.Join(dir, "m"), contents("x"))
	if !errors.Is(err, fs.ErrPermission) || !strings.HasSuffix(err.Error(), "m: creating a temporary file beside it: permission denied") {
		t.Errorf("permission: %v", err)
	}
	if err := Write(filepath.Join(dir, longName("")), contents("x")); err != nil {
		t.Errorf("a name of 255 bytes: %v", err)
	}
}

func longName(extra string) string { return strings.Repeat("n", 255) + extra }

type denied struct{ System }

func (denied) Create(name string, _ fs.FileMode) (File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}
