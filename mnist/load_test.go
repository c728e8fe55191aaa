package mnist

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/bijou-flow/bijou/mnist/data"
)

// loadOnce shares the sets among the tests, which do not change them.
var loadOnce = sync.OnceValues(func() ([2]*Set, error) {
	train, test, err := Load()
	return [2]*Set{train, test}, err
})

func loaded(t testing.TB) (train, test *Set) {
	t.Helper()
	sets, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	return sets[0], sets[1]
}

func TestEmbeddedFiles(t *testing.T) {
	for name, want := range map[string]string{
		"train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
		"train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
		"t10k-images-idx3-ubyte.gz":  "9fb629c4189551a2d022fa330f9573f3",
		"t10k-labels-idx1-ubyte.gz":  "ec29112dd5afa0611ce80d1b7f02629c",
	} {
		b, err := data.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := md5.Sum(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s has MD5 %x, want %s", name, sum, want)
		}
	}
}

func TestLoad(t *testing.T) {
	train, test := loaded(t)
	for _, c := range []struct {
		name      string
		s         *Set
		n         int
		first     []uint8
		mean, std float64
		counts    []int
	}{
		{"train", train, 60000, []uint8{5, 0, 4, 1, 9, 2, 1, 3, 1, 4}, 0.1307, 0.3081, []int{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}},
		{"test", test, 10000, []uint8{7, 2, 1, 0, 4, 1, 4, 9, 5, 9}, 0.1325, 0.3105, []int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}},
	} {
		s := c.s
		if s.Len() != c.n || s.Height() != 28 || s.Width() != 28 || s.Dim() != 784 || s.Classes() != 10 {
			t.Errorf("%s: %d images of %d x %d = %d, %d classes", c.name, s.Len(), s.Height(), s.Width(), s.Dim(), s.Classes())
		}
		if got := s.Labels()[:10]; !slices.Equal(got, c.first) {
			t.Errorf("%s: first labels %v, want %v", c.name, got, c.first)
		}
		counts, sum, squares := make([]int, 10), 0, 0
		for i := range s.Len() {
			counts[s.Label(i)]++
			for _, v := range s.Image(i) {
				sum += int(v)
				squares += int(v) * int(v)
			}
		}
		if !slices.Equal(counts, c.counts) {
			t.Errorf("%s: %v images a class, want %v", c.name, counts, c.counts)
		}
		n := float64(s.Len() * s.Dim())
		mean := float64(sum) / n / 255
		std := math.Sqrt(float64(squares)/n/255/255 - mean*mean)
		if math.Abs(mean-c.mean) > 5e-5 || math.Abs(std-c.std) > 5e-5 {
			t.Errorf("%s: pixels have mean %.5f and deviation %.5f, want %v and %v", c.name, mean, std, c.mean, c.std)
		}
	}
}

// small is a set of two training images and one test image of 2 x 3, under
// MNIST's names.
func small() fstest.MapFS {
	file := func(b []byte) *fstest.MapFile { return &fstest.MapFile{Data: b} }
	return fstest.MapFS{
		"train-images-idx3-ubyte": file(idx(ramp(12), 2, 2, 3)),
		"train-labels-idx1-ubyte": file(idx([]byte{1, 0}, 2)),
		"t10k-images-idx3-ubyte":  file(idx(ramp(6), 1, 2, 3)),
		"t10k-labels-idx1-ubyte":  file(idx([]byte{2}, 1)),
	}
}

func TestLoadNames(t *testing.T) {
	renamed := func(rename func(string) string, zip bool) fstest.MapFS {
		files := fstest.MapFS{}
		for name, f := range small() {
			if zip {
				f = &fstest.MapFile{Data: compress(f.Data)}
			}
			files[rename(name)] = f
		}
		return files
	}
	dotted := func(s string) string { return strings.Replace(s, "-idx", ".idx", 1) }
	both := small()
	both["train-images-idx3-ubyte.gz"] = &fstest.MapFile{Data: []byte("not read")}
	for name, files := range map[string]fstest.MapFS{
		"plain":             small(),
		"dotted":            renamed(dotted, false),
		"gzip":              renamed(func(s string) string { return s + ".gz" }, true),
		"dotted gzip":       renamed(func(s string) string { return dotted(s) + ".gz" }, true),
		"gzip, no suffix":   renamed(func(s string) string { return s }, true),
		"suffix, no gzip":   renamed(func(s string) string { return s + ".gz" }, false),
		"both, plain first": both,
	} {
		dir := t.TempDir()
		for base, f := range files {
			if err := os.WriteFile(filepath.Join(dir, base), f.Data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for how, load := range map[string]func() (*Set, *Set, error){
			"LoadFS":  func() (*Set, *Set, error) { return LoadFS(files) },
			"LoadDir": func() (*Set, *Set, error) { return LoadDir(dir) },
		} {
			train, test, err := load()
			if err != nil {
				t.Errorf("%s, %s: %v", name, how, err)
				continue
			}
			if train.Len() != 2 || test.Len() != 1 || train.Height() != 2 || test.Width() != 3 ||
				!slices.Equal(train.Image(1), ramp(12)[6:]) || !slices.Equal(test.Image(0), ramp(6)) || train.Label(0) != 1 || test.Label(0) != 2 {
				t.Errorf("%s, %s: wrong sets %+v %+v", name, how, train, test)
			}
			// The test set has a class that the training set lacks.
			if train.Classes() != 3 || test.Classes() != 3 || train.Conditional().ContextDim() != 3 {
				t.Errorf("%s, %s: %d and %d classes, want 3", name, how, train.Classes(), test.Classes())
			}
		}
	}
}

func TestLoadErrors(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		data []byte
		is   error
		says []string
	}{
		"missing":            {"t10k-labels-idx1-ubyte", nil, fs.ErrNotExist, []string{"t10k-labels-idx1-ubyte, t10k-labels.idx1-ubyte, t10k-labels-idx1-ubyte.gz"}},
		"truncated":          {"t10k-images-idx3-ubyte", idx(ramp(5), 1, 2, 3), ErrFormat, []string{"t10k-images-idx3-ubyte", "byte 5 of the data, which should have 6"}},
		"images for labels":  {"train-labels-idx1-ubyte", idx(ramp(12), 2, 2, 3), ErrFormat, []string{"train-labels-idx1-ubyte", "that of images"}},
		"more labels":        {"train-labels-idx1-ubyte", idx(ramp(3), 3), ErrFormat, []string{"train-images-idx3-ubyte has 2 images", "train-labels-idx1-ubyte has 3 labels"}},
		"other size in test": {"t10k-images-idx3-ubyte", idx(ramp(6), 1, 3, 2), ErrFormat, []string{"train-images-idx3-ubyte has images of 2 x 3", "t10k-images-idx3-ubyte of 3 x 2"}},
		"height differs":     {"t10k-images-idx3-ubyte", idx(ramp(9), 1, 3, 3), ErrFormat, []string{"t10k-images-idx3-ubyte of 3 x 3"}},
		"width differs":      {"t10k-images-idx3-ubyte", idx(ramp(8), 1, 2, 4), ErrFormat, []string{"t10k-images-idx3-ubyte of 2 x 4"}},
	} {
		files := small()
		delete(files, c.file)
		if c.data != nil {
			files[c.file] = &fstest.MapFile{Data: c.data}
		}
		_, _, err := LoadFS(files)
		if !errors.Is(err, c.is) {
			t.Errorf("%s: error %v, want %v", name, err, c.is)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: error %q does not say %q", name, err, s)
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "none")
	if _, _, err := LoadDir(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("missing directory: %v", err)
	}
}

// A file's size is the most that is allocated before its data is there.
func TestLoadAllocation(t *testing.T) {
	files := small()
	files["train-images-idx3-ubyte"].Data = idx(make([]byte, 3<<20), MaxBytes/784, 28, 28)
	var err error
	got := allocated(func() { _, _, err = LoadFS(files) })
	if limit := uint64(2*(3<<20) + 1<<20); !errors.Is(err, ErrFormat) || got > limit {
		t.Errorf("%d bytes allocated for 3 MiB, limit %d; %v", got, limit, err)
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		if _, _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}
