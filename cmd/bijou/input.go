// Tables that are read: from files, or standard input, once or twice.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/table"
)

// stdin is standard input; tests have another.
var stdin io.Reader = os.Stdin

// inputFlags say how a table is written.
type inputFlags struct {
	format, comma, header, missing string
}

// declare declares them.
func (i *inputFlags) declare(f *command.Flags) {
	f.Choice(&i.format, "format", "auto", "`format` of the input: csv, ndjson, or auto, what it looks like", "auto", "csv", "ndjson")
	f.String(&i.comma, "comma", "", "`character` between the cells of CSV, or tab; empty: the most frequent of , ; tab | in the first line")
	f.Choice(&i.header, "header", "auto", "whether the first line of CSV names the columns: yes, no, or auto, yes unless all its cells are numbers", "auto", "yes", "no")
	f.String(&i.missing, "missing", strings.Join(table.DefaultMissing(), ","), "`texts` that mark a missing cell, beside the empty one, with commas between")
}

// parse reads all flags of a command that has a table, and the options of its
// reader from them.
func (i *inputFlags) parse(f *command.Flags, args []string, s command.Streams) (table.ReaderOptions, error) {
	if err := f.Parse(args, s); err != nil {
		return table.ReaderOptions{}, err
	}
	return i.options()
}

// options are those of a table.Reader.
func (i *inputFlags) options() (o table.ReaderOptions, err error) {
	if i.format != "auto" {
		o.Format = table.Format(i.format)
	}
	if i.header != "auto" {
		o.Header = table.Header(i.header)
	}
	if i.comma != "" {
		if o.Comma, err = commaOf(i.comma); err != nil {
			return o, err
		}
	}
	o.Missing = []string{}
	for _, m := range strings.Split(i.missing, ",") {
		if m = strings.TrimSpace(m); m != "" {
			o.Missing = append(o.Missing, m)
		}
	}
	return o, nil
}

// commaOf is the separator that a flag names.
func commaOf(text string) (rune, error) {
	if text == "tab" || text == `\t` {
		return '\t', nil
	}
	r, size := utf8.DecodeRuneInString(text)
	if size != len(text) || r == '"' || r == '\n' || r == '\r' || r == utf8.RuneError {
		return 0, command.Usagef("-comma %q: want one character, or tab", text)
	}
	return r, nil
}

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
