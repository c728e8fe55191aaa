package command

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/mnist"
)

// LoadData reads MNIST or the set in dir, and cuts the training images to the
// first limit.
func LoadData(dir string, limit int, log io.Writer) (train, test *mnist.Set, err error) {
	if dir == "" {
		train, test, err = mnist.Load()
	} else {
		train, test, err = mnist.LoadDir(dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("-data: %w; want a directory with the four IDX files of MNIST or a set like it", err)
	}
	if limit > 0 {
		train = train.Head(limit)
	}
	if train.Len() < 2 {
		return nil, nil, fmt.Errorf("%d training image is too few, want at least 2", train.Len())
	}
	fmt.Fprintf(log, "data: %d training and %d test images of %d x %d, %d classes\n", train.Len(), test.Len(), train.Height(), train.Width(), train.Classes())
	return train, test, nil
}

// WriteFile writes a file whole or not at all.
func WriteFile(path string, data []byte) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// MakeDir makes a directory and makes sure that files can be written there,
// before minutes of work depend on it.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("-out: %w; want a directory that can be made and written to", err)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("-out: %w; want a directory that can be written to", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
