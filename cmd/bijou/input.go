// Tables that are read: from files, or standard input, once or twice.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/bijou-flow/bijou/table"
)

// stdin is standard input; tests have another.
var stdin io.Reader = os.Stdin

// open opens a table; "-" is standard input.
func open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(stdin), nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file", path)
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s: it is a directory, want a file of CSV or NDJSON", path)
	}
	return f, nil
}

// reader reads the rows of a table that is open.
func reader(r io.Reader, path string, o table.ReaderOptions) (*table.Reader, error) {
	t, err := table.NewReader(r, o)
	return t, at(path, err)
}

// at adds the name of the input to an error.
func at(path string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if path == "-" {
		path = "standard input"
	}
	return fmt.Errorf("%s: %w", path, err)
}

// twice is an input that is read two times. A file is opened again; what is
// no file is kept in a temporary one while it is read first.
type twice struct {
	path string
	keep *os.File
}

// first opens the input. done, called when it was read to its end, makes it
// ready to be read again.
func (t *twice) first() (r io.Reader, done func() error, err error) {
	in, err := open(t.path)
	if err != nil {
		return nil, nil, err
	}
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return f, f.Close, nil
		}
	}
	if t.keep, err = temporary(); err != nil {
		in.Close()
		return nil, nil, err
	}
	w := bufio.NewWriterSize(t.keep, 1<<20)
	return io.TeeReader(in, w), func() error {
		return errors.Join(in.Close(), w.Flush())
	}, nil
}

// second opens it again.
func (t *twice) second() (io.ReadCloser, error) {
	if t.keep == nil {
		return open(t.path)
	}
	if _, err := t.keep.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.NopCloser(t.keep), nil
}

// close removes what was kept.
func (t *twice) close() {
	if t.keep != nil {
		discard(t.keep)
	}
}

// temporary makes a file that is gone when it is closed, and on most systems
// when the process ends, however it does.
func temporary() (*os.File, error) {
	f, err := os.CreateTemp("", "bijou-*")
	if err != nil {
		return nil, fmt.Errorf("a temporary file: %w; TMPDIR in the environment names another directory", err)
	}
	os.Remove(f.Name()) // Windows removes none that is open: discard does
	return f, nil
}

func discard(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}
