// Package input opens and reads what nobody vouches for: without waiting for
// what may never come, and without memory on the word of a header.
package input

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
)

// ErrNotRegular: a path leads to a directory, a pipe or a device.
var ErrNotRegular = errors.New("it is no regular file")

// File is a regular file that is read from its beginning, through a buffer.
type File struct {
	Size   int64 // in bytes, when it was opened
	file   *os.File
	buffer *bufio.Reader
	read   int64
}

// Open opens a regular file for reading. Anything else is ErrNotRegular, found
// without waiting for a pipe's other end.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = Regular(info)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|withoutWaiting, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = Regular(info) // another file may have come in its place
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &File{Size: info.Size(), file: f, buffer: bufio.NewReaderSize(f, 64<<10)}, nil
}

// Read reads on.
func (f *File) Read(p []byte) (int, error) {
	n, err := f.buffer.Read(p)
	f.read += int64(n)
	return n, err
}

// Len is the number of bytes that are left, by the size.
func (f *File) Len() int { return int(min(max(f.Size-f.read, 0), math.MaxInt)) }

// Stat describes the file, which makes it an fs.File.
func (f *File) Stat() (fs.FileInfo, error) { return f.file.Stat() }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Regular is ErrNotRegular, with what it is, for all but regular files.
func Regular(info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%w but %v", ErrNotRegular, info.Mode().Type())
}

// Chunks reads n bytes, in pieces of which each is no larger than what came
// before it (the first: than first), so that what was allocated is at most first,
// or twice what has come. Where reading ends early, it returns what came and the
// error of io.ReadFull.
func Chunks(r io.Reader, n, first int) (chunks [][]byte, got int, err error) {
	for got < n {
		chunk := make([]byte, min(max(first, got), n-got))
		m, err := io.ReadFull(r, chunk)
		got += m
		chunks = append(chunks, chunk[:m])
		if err != nil {
			return chunks, got, err
		}
	}
	return chunks, got, nil
}

// unread is a reader that knows how many bytes it has left.
type unread interface{ Len() int }

// Has reports whether r is known to have n bytes left, as a File and the readers
// of memory know it.
func Has(r io.Reader, n int64) bool {
	u, ok := r.(unread)
	return ok && int64(u.Len()) >= n
}

// Arrived returns a reader of the next n bytes of r, which have all come:
// whoever claims memory for them can rely on it. Where r ends before, that is the error of
// io.ReadFull. What r is known to have is not copied.
func Arrived(r io.Reader, n int64) (io.Reader, error) {
	if Has(r, n) {
		return io.LimitReader(r, n), nil
	}
	if int64(int(n)) != n {
		return nil, fmt.Errorf("%d bytes are more than this machine can address", n)
	}
	chunks, _, err := Chunks(r, int(n), 64<<10)
	if err != nil {
		return nil, err
	}
	parts := make([]io.Reader, len(chunks))
	for i, c := range chunks {
		parts[i] = bytes.NewReader(c)
	}
	return io.MultiReader(parts...), nil
}

// Within returns a reader that fails with ctx's error once ctx has ended.
func Within(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
