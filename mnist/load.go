// Load, LoadDir and LoadFS: the four files of a set, read at the same time.

package mnist

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/mnist/data"
)

// Load returns the MNIST database: 60,000 training and 10,000 test images of
// 28 x 28, ten classes. It is embedded in the package and takes about 0.2 s to
// decompress; each call makes a new copy of 55 MB.
func Load() (train, test *Set, err error) {
	return load(data.Files, "embedded", MaxBytes, nil)
}

// LoadDir reads a set from a directory that holds the four files under MNIST's
// names: train-images-idx3-ubyte, train-labels-idx1-ubyte,
// t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, or with a dot before idx
// (train-images.idx3-ubyte), each as it is or compressed with the suffix .gz.
// Where a directory holds a file both ways, the plain one is read.
//
// Errors name the file. They wrap fs.ErrNotExist for a file that is missing,
// and ErrFormat for one that ReadImages or ReadLabels would refuse, for images
// and labels that differ in number, and for training and test images that
// differ in size; what is no regular file, such as a pipe, is ErrFormat too. o
// is ReadOptions, at most one, for each of the files.
func LoadDir(dir string, o ...ReadOptions) (train, test *Set, err error) {
	return load(directory(dir), dir, 0, o)
}

// directory is a file system of regular files, opened without waiting.
type directory string

// Open opens a file.
func (d directory) Open(name string) (fs.File, error) {
	f, err := input.Open(filepath.Join(string(d), name))
	if err != nil {
		return nil, err
	}
	return f, nil
}

// LoadFS is LoadDir for a file system, such as an embedded one or a zip
// archive.
func LoadFS(files fs.FS, o ...ReadOptions) (train, test *Set, err error) {
	if files == nil {
		return nil, nil, fmt.Errorf("mnist: the file system is nil, want one with the four files: %w", fs.ErrInvalid)
	}
	return load(files, "", 0, o)
}

// load reads both halves of a set. At most trust bytes, or the size of the
// file if that is more, are allocated on the word of a file's header.
func load(files fs.FS, dir string, trust int, o []ReadOptions) (train, test *Set, err error) {
	limits, err := bounds(o)
	if err != nil {
		return nil, nil, fmt.Errorf("mnist: %w", err)
	}
	var (
		images [2]Images
		labels [2][]uint8
		names  [4]string
		errs   [4]error
		wg     sync.WaitGroup
	)
	for half, prefix := range []string{"train", "t10k"} {
		wg.Add(2)
		go func() {
			defer wg.Done()
			i := 2 * half
			names[i], errs[i] = readFile(files, dir, prefix+"-images", "idx3-ubyte", func(f fs.File, first int) (err error) {
				images[half], err = readImages(f, max(first, trust), limits)
				return err
			})
		}()
		go func() {
			defer wg.Done()
			i := 2*half + 1
			names[i], errs[i] = readFile(files, dir, prefix+"-labels", "idx1-ubyte", func(f fs.File, first int) (err error) {
				labels[half], err = readLabels(f, max(first, trust), limits)
				return err
			})
		}()
	}
	wg.Wait()
	// The first in a fixed order, so that the same files give the same error.
	for _, err := range errs {
		if err != nil {
			return nil, nil, err
		}
	}
	var sets [2]*Set
	for half := range sets {
		if n, m := images[half].Len(), len(labels[half]); n != m {
			return nil, nil, fmt.Errorf("mnist: %s has %d images and %s has %d labels, want as many: %w: %w",
				names[2*half], n, names[2*half+1], m, ErrFormat, bijector.ErrShape)
		}
		if sets[half], err = NewSet(images[half], labels[half]); err != nil {
			return nil, nil, err
		}
	}
	train, test = sets[0], sets[1]
	if train.height != test.height || train.width != test.width {
		return nil, nil, fmt.Errorf("mnist: %s has images of %d x %d and %s of %d x %d, want one size: %w: %w",
			names[0], train.height, train.width, names[2], test.height, test.width, ErrFormat, bijector.ErrShape)
	}
	train.classes = max(train.classes, test.classes)
	test.classes = train.classes
	return train, test, nil
}

// openRegular opens a regular file. One that a file system tells of is not
// opened where it is a pipe, which would wait for its other end.
func openRegular(files fs.FS, name string) (f fs.File, err error) {
	if s, ok := files.(fs.StatFS); ok {
		if info, err := s.Stat(name); err == nil {
			if err := input.Regular(info); err != nil {
				return nil, err
			}
		}
	}
	if f, err = files.Open(name); err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil {
		if err := input.Regular(info); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// readFile opens the file stem-kind or stem.kind, plain or .gz, and has it
// read. It returns the file's name, for messages.
func readFile(files fs.FS, dir, stem, kind string, read func(f fs.File, first int) error) (string, error) {
	tried := []string{stem + "-" + kind, stem + "." + kind, stem + "-" + kind + ".gz", stem + "." + kind + ".gz"}
	for _, base := range tried {
		name := filepath.Join(dir, base)
		f, err := openRegular(files, base)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if errors.Is(err, input.ErrNotRegular) {
			err = fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if err != nil {
			return name, fmt.Errorf("mnist: %s: %w", name, err)
		}
		defer f.Close()
		first := firstChunk
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			first = max(first, int(min(info.Size(), MaxBytes)))
		}
		if err := read(f, first); err != nil {
			return name, fmt.Errorf("mnist: %s: %w", name, err)
		}
		return name, nil
	}
	where := ""
	if dir != "" {
		where = " in " + dir
	}
	return "", fmt.Errorf("mnist: no file %s%s: %w", strings.Join(tried, ", "), where, fs.ErrNotExist)
}
