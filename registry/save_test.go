package registry

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// disk records what is done to the files, and stops working at a step.
type disk struct {
	atomicfile.System
	steps  []string
	failAt int // which step; below 0: none
	dead   bool
}

var errInjected = errors.New("injected")

func (d *disk) step(name string) error {
	if d.dead {
		return errInjected
	}
	d.steps = append(d.steps, name)
	if d.dead = len(d.steps)-1 == d.failAt; d.dead {
		return errInjected
	}
	return nil
}

func (d *disk) Remove(name string) error {
	if d.dead {
		return errInjected
	}
	return d.System.Remove(name)
}

func (d *disk) Create(name string, mode fs.FileMode) (atomicfile.File, error) {
	if err := d.step("create"); err != nil {
		return nil, err
	}
	f, err := d.System.Create(name, mode)
	return &diskFile{f, d}, err
}

func (d *disk) Rename(from, to string) error {
	if err := d.step("rename"); err != nil {
		return err
	}
	return d.System.Rename(from, to)
}

func (d *disk) SyncDir(dir string) error {
	if err := d.step("sync dir"); err != nil {
		return err
	}
	return d.System.SyncDir(dir)
}

type diskFile struct {
	atomicfile.File
	d *disk
}

func (f *diskFile) Write(p []byte) (int, error) {
	if err := f.d.step("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/3])
		return n, err
	}
	return f.File.Write(p)
}

func (f *diskFile) Sync() error  { return errors.Join(f.d.step("sync"), f.File.Sync()) }
func (f *diskFile) Close() error { return errors.Join(f.d.step("close"), f.File.Close()) }

func testFlow(t testing.TB, seed uint64) *flow.Flow[float32] {
	t.Helper()
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 20, Layers: 2, Hidden: []int{100, 100}, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return testkit.Must(flow.New(bijector.Layer[float32](chain), distribution.Base[float32](distribution.StandardNormal[float32](20))))
}

// TestInterruptedSave kills a save at each of its steps: the old model stays
// whole, and the next save leaves no trace of the dead one.
func TestInterruptedSave(t *testing.T) {
	older, newer := testFlow(t, 1), testFlow(t, 2)
	d := &disk{failAt: -1}
	if err := saveTo(d, filepath.Join(t.TempDir(), "m"), older); err != nil {
		t.Fatal(err)
	}
	if len(d.steps) < 7 {
		t.Fatalf("the file is too small for several writes: %q", d.steps)
	}
	if order := slices.Compact(slices.Clone(d.steps)); !slices.Equal(order, []string{"create", "write", "sync", "close", "rename", "sync dir"}) {
		t.Errorf("order of steps: %q", order)
	}
	for i, step := range d.steps {
		dir := t.TempDir()
		path := filepath.Join(dir, "m")
		if err := Save(path, older); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		if err := saveTo(&disk{failAt: i}, path, newer); !errors.Is(err, errInjected) || !strings.Contains(err.Error(), "cannot write "+path) {
			t.Fatalf("step %d, %s: error %v", i, step, err)
		}
		after, _ := os.ReadFile(path)
		if kept := bytes.Equal(before, after); kept == (step == "sync dir") {
			t.Errorf("step %d, %s: old file kept: %v", i, step, kept)
		}
		if _, err := LoadFlow[float32](path); err != nil {
			t.Errorf("step %d, %s: %v", i, step, err)
		}
		if err := Save(path, newer); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Errorf("step %d, %s: %d files after the next save", i, step, len(left))
		}
	}
}

func TestSaveRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m")
	f := testFlow(t, 1)
	if err := Save(path, f); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	p := f.Params()[3]
	p.Data[2] = float32(math.NaN())
	if err := Save(path, f); !errors.Is(err, bijector.ErrNonFinite) || !strings.Contains(err.Error(), p.Name) {
		t.Errorf("NaN: %v", err)
	}
	permute, err := bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 3})
	if err != nil {
		t.Fatal(err)
	}
	permute.Buffers()[0].Data.([]int64)[0] = 7
	if err := Save(path, permute); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("no permutation: %v", err)
	}
	normal := distribution.Base[float64](distribution.StandardNormal[float64](2))
	for what, model := range map[string]any{
		"nil":        nil,
		"a nil flow": (*flow.Flow[float32])(nil),
		"a number":   7,
		"a base":     normal,
	} {
		if err := Save(path, model); err == nil || !strings.HasPrefix(err.Error(), "registry: ") {
			t.Errorf("%s: %v", what, err)
		}
		if err := Write(&bytes.Buffer{}, model); err == nil {
			t.Errorf("%s is written", what)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("a refused save changed the file")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files", len(left))
	}
	if err := Save(filepath.Join(dir, "none", "m"), testFlow(t, 1)); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "directory does not exist") {
		t.Errorf("no directory: %v", err)
	}
	if err := Write(full{}, testFlow(t, 1)); !errors.Is(err, errInjected) {
		t.Errorf("a full writer: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errInjected }

// A file may have been saved by a program that had more layers registered.
func TestLoadUnregistered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	onTable(func() {
		Register("own.layer", mine[float32], mine[float64])
		l, err := New[float32]("own.layer", []byte(`{"Dim":3}`))
		if err == nil {
			err = Save(path, l)
		}
		if err == nil {
			_, err = Load[bijector.Layer[float32]](path)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if _, err := Load[bijector.Layer[float32]](path); !errors.Is(err, ErrNotRegistered) || !strings.Contains(err.Error(), `"own.layer"`) {
		t.Errorf("got %v, want ErrNotRegistered", err)
	}
}

type mySpec struct{ Dim int }

type myLayer[T bijector.Float] struct {
	*bijector.ActNorm[T]
	spec mySpec
}

func (l *myLayer[T]) Spec() any { return l.spec }

func mine[T bijector.Float](s mySpec) (*myLayer[T], error) {
	a, err := bijector.NewActNorm[T](bijector.ActNormSpec{Dim: s.Dim})
	return &myLayer[T]{a, s}, err
}
