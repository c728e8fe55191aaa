// Forms of output.

package tablecommand

import (
	"compress/gzip"
	"io"
	"path/filepath"
	"strings"

	"github.com/bijou-flow/bijou/table"
)

// Files are the extensions of tables.
var Files = []string{".csv", ".tsv", ".ndjson", ".jsonl", ".gz"}

// OutputFormat is the format of an output by its name: that of the input, if
// the name says nothing.
func OutputFormat(path string, in table.ReaderOptions) table.ReaderOptions {
	name := strings.TrimSuffix(strings.ToLower(path), ".gz")
	switch filepath.Ext(name) {
	case ".csv":
		if in.Format != table.CSV || in.Comma == '\t' {
			return table.ReaderOptions{Format: table.CSV, Comma: ','}
		}
	case ".tsv":
		return table.ReaderOptions{Format: table.CSV, Comma: '\t', Header: in.Header}
	case ".ndjson", ".jsonl":
		return table.ReaderOptions{Format: table.NDJSON}
	}
	return in
}

// Packed writes through gzip where the name ends in .gz.
func Packed(path string, w io.Writer, write func(io.Writer) error) error {
	if !strings.HasSuffix(strings.ToLower(path), ".gz") {
		return write(w)
	}
	z := gzip.NewWriter(w)
	if err := write(z); err != nil {
		return err
	}
	return z.Close()
}
