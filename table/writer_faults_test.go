// Writers on disks that fill: at each byte something says so.

package table_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/bijou-flow/bijou/table"
)

var errDisk = errors.New("the disk is full")

// disk takes so many bytes; then it fails, or takes less than it is given and
// does not say so.
type disk struct {
	left   int
	silent bool
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.left)
	d.left -= n
	if n < len(p) && !d.silent {
		return n, errDisk
	}
	return n, nil
}

func TestWriterOnFullDisk(t *testing.T) {
	write := func(w io.Writer, rows int, o table.ReaderOptions) error {
		out, err := table.NewWriter(w, []string{"name", "value"}, nil, o)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := out.Write([]string{fmt.Sprintf("row \"%d\"", i), "0.5"}); err != nil {
				return err
			}
		}
		return out.Close()
	}
	for _, c := range []struct {
		format     table.Format
		rows, step int // bytes
	}{{table.CSV, 30, 1}, {table.NDJSON, 30, 1}, {table.CSV, 20_000, 29_989}, {table.NDJSON, 20_000, 29_989}} { // the long ones are more than a buffer
		format, o := c.format, table.ReaderOptions{Format: c.format}
		whole := &disk{left: 1 << 20}
		if err := write(whole, c.rows, o); err != nil {
			t.Fatal(err)
		}
		size := 1<<20 - whole.left
		for room := 0; room < size; room += c.step {
			if err := write(&disk{left: room}, c.rows, o); !errors.Is(err, errDisk) {
				t.Fatalf("%s, %d of %d bytes written: %v, want the disk's error", format, room, size, err)
			}
			if err := write(&disk{left: room, silent: true}, c.rows, o); !errors.Is(err, io.ErrShortWrite) {
				t.Fatalf("%s, %d of %d bytes taken in silence: %v, want io.ErrShortWrite", format, room, size, err)
			}
		}
		if err := write(&disk{left: size}, c.rows, o); err != nil {
			t.Errorf("%s on a disk with room to the byte: %v", format, err)
		}
	}
}
