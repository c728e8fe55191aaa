// What is swept and what is left: by lock, by system and by age.

package atomicfile

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// place puts empty files into a directory; the old ones were last written to
// more than a day ago.
func place(t *testing.T, dir string, old bool, names ...string) {
	t.Helper()
	for _, n := range names {
		path := filepath.Join(dir, n)
		err := os.WriteFile(path, nil, 0o644)
		if at := time.Now().Add(-forgotten - time.Minute); err == nil && old {
			err = os.Chtimes(path, at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// hold makes a temporary file as a writer does that is still at work.
func hold(t *testing.T, dir, name string) {
	t.Helper()
	f, err := System{}.Create(filepath.Join(dir, name), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Unlock)
	if err := f.Close(); err != nil { // as between closing and renaming
		t.Fatal(err)
	}
}

func TestSweepTakesLeftoversAlone(t *testing.T) {
	if lockless() {
		t.Skip("no locks on " + runtime.GOOS)
	}
	here, elsewhere := thisSystem(), thisSystem()+1
	if here == 0 {
		t.Fatal("the system has no number")
	}
	dir := t.TempDir()
	place(t, dir, false, tempName("m", here, 1))
	place(t, dir, true, tempName("m", here, 2), tempName("m", elsewhere, 3), tempName("m", 0, 4))
	young := []string{
		tempName("n", here, 5), tempName("m", elsewhere, 6), tempName("m", 0, 7),
		".m.tmp", ".m.1-1.tmp", ".m.4-0000000000000001.tmp", ".m.x000000000000001-0000000000000001.tmp",
		".m.0000000000000001-x000000000000001.tmp", ".m.0000000000000001x0000000000000001.tmp", "m.tmp",
	}
	place(t, dir, false, young...)
	busy := []string{tempName("m", here, 8), tempName("m", elsewhere, 9)}
	for _, n := range busy {
		hold(t, dir, n)
		at := time.Now().Add(-2 * forgotten)
		if err := os.Chtimes(filepath.Join(dir, n), at, at); err != nil {
			t.Fatal(err)
		}
	}
	directory := tempName("m", here, 10)
	if err := os.Mkdir(filepath.Join(dir, directory), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "m"), contents("x")); err != nil {
		t.Fatal(err)
	}
	want := append(append(young, busy...), directory, "m")
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

// Sweep takes the leftovers of a series, and of no other.
func TestSweepOfASeries(t *testing.T) {
	dir := t.TempDir()
	place(t, dir, true, tempName("step-1", thisSystem(), 1), tempName("step-2", thisSystem()+1, 2))
	others := []string{tempName("other", thisSystem(), 4), "step-1", ".step-1.tmp", "..tmp"}
	place(t, dir, true, others...)
	busy := tempName("step-3", thisSystem(), 3)
	hold(t, dir, busy)
	Sweep(dir, func(target string) bool { return strings.HasPrefix(target, "step-") })
	want := append(others, busy)
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
}

// TestSweepDuringCreation sweeps while files are made: a writer gets a file
// that is there and stays, or is told to take another name.
func TestSweepDuringCreation(t *testing.T) {
	if lockless() {
		t.Skip("no locks on " + runtime.GOOS)
	}
	dir := t.TempDir()
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				Sweep(dir, func(string) bool { return true })
			}
		}
	}()
	for range 150 {
		f, name, err := create(System{}, dir, "m", 0)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Microsecond)
		if _, err := os.Lstat(name); err != nil {
			t.Errorf("a file that is being written is gone: %v", err)
		}
		f.Close()
		os.Remove(name)
		f.Unlock()
	}
	close(stop)
	<-done
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("files %q", left)
	}
}

// lockless reports whether the system has no locks.
func lockless() bool {
	dir, err := os.MkdirTemp("", "locks")
	if err != nil {
		return true
	}
	defer os.RemoveAll(dir)
	l, err := lock(dir + "/none")
	return l == nil && err == nil
}
