// A file that a command makes: not in the place of another, and checked before
// the work that leads to it.

package command

import (
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/internal/atomicfile"
)

// File is a file that a flag names.
type File struct {
	Path  string // "": none is wanted
	flag  string
	force *bool
}

const fileNote = `A file that is there already is never replaced without -force.
`

// File declares a flag for the name of a file to write, with one of the given
// extensions, and -force. An empty default makes the file optional. Parse fails
// where the file is there already or cannot be made.
func (f *Flags) File(name, value, usage string, extensions ...string) *File {
	if f.force == nil {
		f.declareForce("replace a file that is there already")
		f.note(fileNote)
	}
	file := &File{flag: name, force: f.force}
	f.String(&file.Path, name, value, usage)
	f.checks = append(f.checks, func() error {
		if file.Path == "" && value == "" {
			return nil
		}
		if !slices.Contains(extensions, file.Extension()) {
			return Usagef("-%s %s: want a name that ends in %s", name, file.Path, strings.Join(extensions, " or "))
		}
		return file.check()
	})
	return file
}

// declareForce declares -force.
func (f *Flags) declareForce(usage string) {
	f.force = new(bool)
	f.Bool(f.force, "force", usage)
}

// Extension is that of the file's name, in lower case.
func (f *File) Extension() string { return strings.ToLower(filepath.Ext(f.Path)) }

// check says why the file cannot be written.
func (f *File) check() error {
	if err := f.free(); err != nil {
		return err
	}
	dir := filepath.Dir(f.Path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("-%s %s: its directory does not exist; make it first", f.flag, f.Path)
	}
	if err := writable(dir); err != nil {
		return fmt.Errorf("-%s %s: %w; want a directory that can be written to", f.flag, f.Path, err)
	}
	return nil
}

// free says what is in the file's place.
func (f *File) free() error {
	switch info, err := os.Stat(f.Path); {
	case err != nil:
		return nil // what cannot be seen is found when it is written
	case info.IsDir():
		return fmt.Errorf("-%s %s: it is a directory", f.flag, f.Path)
	case !*f.force:
		return fmt.Errorf("-%s %s: it is there already; -force replaces it, another name keeps it", f.flag, f.Path)
	}
	return nil
}

// Write writes the file whole or not at all, and says where it is.
func (f *File) Write(s Streams, write func(io.Writer) error) error {
	if err := f.free(); err != nil { // made while the command was at work
		return err
	}
	var other error // of what is written, not of the file
	err := atomicfile.Write(f.Path, func(w io.Writer) error {
		to := &watched{Writer: w}
		err := write(to)
		if !to.failed {
			other = err
		}
		return err
	})
	switch {
	case other != nil:
		return fmt.Errorf("%w; %s is not written", other, f.Path)
	case err != nil:
		return fmt.Errorf("-%s: %w", f.flag, err)
	}
	fmt.Fprintln(s.Out, f.Path)
	return nil
}

// watched remembers whether a write failed.
type watched struct {
	io.Writer
	failed bool
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.failed = w.failed || err != nil
	return n, err
}

// WritePNG writes a picture.
func (f *File) WritePNG(s Streams, img image.Image) error {
	return f.Write(s, func(w io.Writer) error { return png.Encode(w, img) })
}

// writable makes sure that files can be made in a directory, before minutes of
// work depend on it.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// WriteFile writes a file whole or not at all.
func WriteFile(path string, data []byte) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
