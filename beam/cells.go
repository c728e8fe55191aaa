// Files of rows in other formats, as the text of a table.

package bijoubeam

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/bijou-flow/bijou/table"
)

// sizedReaderAt is an open file, of which Parquet's footer is read first.
type sizedReaderAt interface {
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// cellReader reads the rows of a file whose cells are no text.
type cellReader interface {
	names() []string
	// next writes some rows; io.EOF: there are no more.
	next(write func(cells []string) error) error
}

// asText is a table as text: in as it stands, or, where it is Parquet or Avro, what it has as CSV,
// with the options to read that by. Nulls and NaN are missing cells, and no text is one unless o
// says so.
func asText(in io.Reader, o table.ReaderOptions) (io.Reader, table.ReaderOptions, error) {
	head := make([]byte, len(parquetMagic))
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, o, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), in)
	t := &cellText{}
	switch string(head[:n]) {
	case parquetMagic:
		err = t.open("a Parquet file", func() (cellReader, error) {
			at, size, err := readerAt(in, whole)
			if err != nil {
				return nil, err
			}
			return openParquet(at, size)
		})
	case avroMagic:
		err = t.open("an Avro file", func() (cellReader, error) { return openAvro(whole) })
	default:
		return whole, o, nil
	}
	if err != nil {
		return nil, o, err
	}
	if o.Missing == nil {
		o.Missing = []string{}
	}
	text := table.ReaderOptions{Format: table.CSV, Comma: ',', Header: table.WithHeader, Missing: o.Missing}
	if t.out, err = table.NewWriter(&t.buffer, t.from.names(), nil, text); err == nil {
		err = t.out.Close() // so that the names are there
	}
	return t, text, err
}

// readerAt reads a file from any place: by its file system, or from memory.
func readerAt(in, whole io.Reader) (io.ReaderAt, int64, error) {
	if file, ok := in.(sizedReaderAt); ok {
		info, err := file.Stat()
		if err != nil {
			return nil, 0, err
		}
		return file, info.Size(), nil
	}
	raw, err := io.ReadAll(whole)
	return bytes.NewReader(raw), int64(len(raw)), err
}

// cellText is a file as CSV, of which rows are made when they are asked for.
type cellText struct {
	format string
	from   cellReader
	out    *table.Writer
	buffer bytes.Buffer
	err    error
}

// open reads the beginning of the file.
func (t *cellText) open(format string, do func() (cellReader, error)) error {
	t.format = format
	return t.guarded(func() (err error) {
		if t.from, err = do(); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
}

// Read reads text.
func (t *cellText) Read(to []byte) (int, error) {
	for t.buffer.Len() == 0 && t.err == nil {
		t.buffer.Reset()
		t.err = t.guarded(func() error {
			err := t.from.next(t.out.Write)
			if failed := t.out.Close(); failed != nil {
				return failed
			}
			return err
		})
	}
	if t.buffer.Len() > 0 {
		return t.buffer.Read(to)
	}
	return 0, t.err
}

// guarded is the error of do, or what it panics with: a file that is broken must not end a worker.
func (t *cellText) guarded(do func() error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("%s that cannot be read: %v: %w", t.format, what, table.ErrInput)
		}
	}()
	if err = do(); err != nil && err != io.EOF && !errors.Is(err, table.ErrInput) && !errors.Is(err, table.ErrColumns) {
		err = fmt.Errorf("%s that cannot be read: %w: %w", t.format, err, table.ErrInput)
	}
	return err
}
