package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// runIn parses the flags of a command that writes "a" and "b", and can be taken
// up from "state".
func runIn(dir string, args ...string) (*Outputs, error) {
	f := NewFlags("./program", "")
	o := f.Outputs("", "a", "b")
	f.Resumable(o, "state", "")
	return o, f.Parse(append([]string{"-out", dir}, args...), Streams{})
}

// begin parses, and makes the run's own directory with a state and both files.
func begin(t *testing.T, dir, content string, args ...string) *Outputs {
	t.Helper()
	o, err := runIn(dir, args...)
	if err == nil {
		err = o.Prepare()
	}
	if err != nil {
		t.Fatal(err)
	}
	stage, err := o.Stage()
	if err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Join(stage, "state"), 0o755)
	for _, name := range []string{"a", "b", "state/s"} {
		if err := os.WriteFile(filepath.Join(stage, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// tree is all files below dir with their contents.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		if d.IsDir() {
			all = append(all, path+"/")
			return nil
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		all = append(all, path+"="+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func wantTree(t *testing.T, dir, want string) {
	t.Helper()
	if got := tree(t, dir); got != want {
		t.Errorf("have %s\nwant %s", got, want)
	}
}

// TestOutputs goes through the life of a directory: runs that are interrupted,
// taken up, finished, refused and forced.
func TestOutputs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "anew")
	refused := func(want string, args ...string) {
		t.Helper()
		before := tree(t, dir)
		if _, err := runIn(dir, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
		wantTree(t, dir, before)
	}
	begin(t, dir, "1").Close() // interrupted
	wantTree(t, dir, "unfinished/ unfinished/a=1 unfinished/b=1 unfinished/state/ unfinished/state/s=1")
	refused("-resume goes on from there, -force starts anew")

	begin(t, dir, "2", "-force").Close() // anew, and interrupted
	wantTree(t, dir, "unfinished-2/ unfinished-2/a=2 unfinished-2/b=2 unfinished-2/state/ unfinished-2/state/s=2 "+
		"unfinished/ unfinished/a=1 unfinished/b=1 unfinished/state/ unfinished/state/s=1")

	o := begin(t, dir, "3", "-resume") // takes up the newest, and finishes
	if err := o.Finish(); err != nil {
		t.Fatal(err)
	}
	o.Close()
	wantTree(t, dir, "a=3 b=3 unfinished/ unfinished/a=1 unfinished/b=1 unfinished/state/ unfinished/state/s=1")
	var list bytes.Buffer
	if o.List(&list); list.String() != filepath.Join(dir, "a")+"\n"+filepath.Join(dir, "b")+"\n" {
		t.Errorf("listed %q", list.String())
	}

	refused("a, b of an earlier run would be replaced; -force")
	refused("a, b of an earlier run would be replaced; -force", "-resume")
	o = begin(t, dir, "4", "-force") // interrupted, over a finished one
	list.Reset()
	if o.List(&list); list.String() != filepath.Join(dir, "unfinished-2", "a")+"\n"+filepath.Join(dir, "unfinished-2", "b")+"\n" {
		t.Errorf("listed %q", list.String())
	}
	o.Close()
	if got := tree(t, dir); !strings.HasPrefix(got, "a=3 b=3 unfinished-2/ unfinished-2/a=4 ") {
		t.Errorf("have %s", got)
	}
	if err := begin(t, dir, "5", "-force").Finish(); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); !strings.HasPrefix(got, "a=5 b=5 unfinished-2/ unfinished-2/a=4 ") || strings.Contains(got, "unfinished-3") || !strings.Contains(got, " unfinished/a=1 ") {
		t.Errorf("have %s", got)
	}
}

// TestNothingWritten: a run without files leaves no directory of its own.
func TestNothingWritten(t *testing.T) {
	dir := t.TempDir()
	o, err := runIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := o.Stage()
	if err != nil {
		t.Fatal(err)
	}
	os.Mkdir(filepath.Join(stage, "state"), 0o755) // of no step
	o.Close()
	wantTree(t, dir, "")
}

// TestAppearedMeanwhile: files that others made while the run was at work stay,
// with and without -force where they cannot be replaced.
func TestAppearedMeanwhile(t *testing.T) {
	for arg, make := range map[string]func(path string) error{
		"-force=false": func(path string) error { return os.WriteFile(path, []byte("theirs"), 0o644) },
		"-force":       func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		dir := t.TempDir()
		o := begin(t, dir, "1", arg)
		if err := make(filepath.Join(dir, "b")); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		if err := o.Finish(); err == nil || !strings.HasSuffix(err.Error(), "what was made is in "+filepath.Join(dir, "unfinished")) {
			t.Errorf("%s: %v", arg, err)
		}
		o.Close()
		wantTree(t, dir, before)
	}
}

// TestTwoAtOnce: runs that start in one directory have each a directory of
// their own.
func TestTwoAtOnce(t *testing.T) {
	dir := t.TempDir()
	a, errA := runIn(dir)
	b, errB := runIn(dir)
	first, errC := a.Stage()
	second, errD := b.Stage()
	if err := errors.Join(errA, errB, errC, errD); err != nil || first == second || filepath.Base(second) != "unfinished-2" {
		t.Errorf("%s and %s, %v", first, second, err)
	}
}

// TestNewest: the newest run has the highest number, whatever was deleted.
func TestNewest(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"unfinished-2", "unfinished-10"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "state", "s"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for arg, want := range map[string]string{"-resume": "unfinished-10", "-force": "unfinished-11"} {
		o, err := runIn(dir, arg)
		if err != nil {
			t.Fatal(err)
		}
		if stage, err := o.Stage(); err != nil || filepath.Base(stage) != want {
			t.Errorf("%s: %s, %v, want %s", arg, stage, err, want)
		}
	}
}

// TestOutRefused: what is no directory to write to.
func TestOutRefused(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": "-out: want a directory", file: "want a directory", filepath.Join(file, "x"): "want a directory"} {
		if _, err := runIn(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", dir, err, want)
		}
	}
}

// TestNumber: which names are runs' own directories.
func TestNumber(t *testing.T) {
	for name, want := range map[string]int{"unfinished": 1, "unfinished-2": 2, "unfinished-10": 10} {
		if n, ok := number(name); n != want || !ok {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
	for _, name := range []string{"unfinished-1", "unfinished-0", "unfinished-02", "unfinished-", "unfinished-x", "unfinished2", "finished", ""} {
		if _, ok := number(name); ok {
			t.Errorf("%q has a number", name)
		}
	}
}

// TestFile: a file is written where nothing is, or with -force.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.png")
	write := func(content string, args ...string) error {
		var out bytes.Buffer
		f := NewFlags("./program", "")
		file := f.File("out", "out.png", "", ".png", ".npy")
		if err := f.Parse(append([]string{"-out", path}, args...), Streams{}); err != nil {
			return err
		}
		err := file.Write(Streams{Out: &out}, func(w io.Writer) error {
			_, err := fmt.Fprint(w, content)
			return err
		})
		if (err == nil) != (out.String() == path+"\n") {
			t.Errorf("%v, and said %q", err, out.String())
		}
		return err
	}
	if err := write("1"); err != nil {
		t.Fatal(err)
	}
	if err := write("2"); err == nil || err.Error() != "-out "+path+": it is there already; -force replaces it, another name keeps it" {
		t.Error(err)
	}
	wantTree(t, dir, "x.png=1")
	if err := write("3", "-force"); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, "x.png=3")
	for path, want := range map[string]string{
		filepath.Join(dir, "x.jpg"):       "want a name that ends in .png or .npy",
		filepath.Join(dir, "no", "x.png"): "its directory does not exist",
		"":                                "want a name that ends in .png or .npy",
	} {
		if err := write("4", "-out", path, "-force"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	wantTree(t, dir, "x.png=3")

	// What is wrong with the rows is not blamed on the file.
	broken := errors.New("data.csv: row 3 is broken")
	f0 := NewFlags("./program", "")
	other := f0.File("out", "out.png", "", ".png")
	if err := f0.Parse([]string{"-out", filepath.Join(dir, "z.png")}, Streams{}); err != nil {
		t.Fatal(err)
	}
	err := other.Write(Streams{Out: io.Discard}, func(w io.Writer) error {
		fmt.Fprint(w, "some rows")
		return broken
	})
	if want := broken.Error() + "; " + other.Path + " is not written"; !errors.Is(err, broken) || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	wantTree(t, dir, "x.png=3")

	// One that appears while the command is at work stays as well.
	f := NewFlags("./program", "")
	file := f.File("out", "out.png", "", ".png")
	optional := f.File("values", "", "", ".npy")
	if err := f.Parse([]string{"-out", filepath.Join(dir, "y.png")}, Streams{}); err != nil || optional.Path != "" {
		t.Fatal(err, optional.Path)
	}
	os.WriteFile(file.Path, []byte("theirs"), 0o644)
	if err := file.Write(Streams{Out: io.Discard}, func(io.Writer) error { return nil }); err == nil {
		t.Error("it was replaced")
	}
	wantTree(t, dir, "x.png=3 y.png=theirs")
}
