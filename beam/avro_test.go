// Tables in Avro: read, scored and written on Prism.

package bijoubeam

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// TestAvroTypes: cells of every type, of a file that another library wrote (testdata/avro.py).
func TestAvroTypes(t *testing.T) {
	raw := testkit.Must(os.ReadFile("testdata/types.avro"))
	first := "x, \"y\"\nz,NA,b,0.1,0.5,9223372036854775807,-1,true,2024-02-29,2024-02-29T12:00:00.005Z,1969-12-31T23:59:59.999999Z,2024-02-29T12:00:00.005Z,-12.05,25.6,abc,3f9a1a52-9f2c-4b4c-8f3e-6e0a7d6c1b2a"
	want := []string{
		"name,kind,again,size,half,count,small,yes,day,at,fine,here,price,deep,raw,id",
		first,
		",,,,,0,0,,1969-12-31,,1970-01-01T00:00:00Z,1970-01-01T00:00:00Z,,-1.1,,",
		first,
	}
	testkit.Equal(t, "lines", testkit.Must(readAll(raw, table.ReaderOptions{})), want)

	whole, ends := 0, 0
	for n := 5; n < len(raw); n++ { // cut short, which shows unless it is between two blocks
		lines, err := readAll(raw[:n], table.ReaderOptions{})
		switch {
		case err == nil && slices.Equal(lines, want[:len(lines)]):
			ends++
		case err == nil:
			t.Fatalf("%d of %d bytes are read as %q", n, len(raw), lines)
		case !errors.Is(err, table.ErrInput):
			t.Fatalf("%d of %d bytes: %v", n, len(raw), err)
		}
		whole = len(lines)
	}
	if ends != 3 || whole != 3 {
		t.Errorf("%d lengths are those of a file, want that of its head and of two blocks; the last has %d lines", ends, whole)
	}
	broken := slices.Clone(raw)
	for i := 4; i < len(broken); i++ { // which no reader may survive by a panic
		broken[i] ^= 0x55
		if _, err := readAll(broken, table.ReaderOptions{}); err != nil && !errors.Is(err, table.ErrInput) && !errors.Is(err, table.ErrColumns) {
			t.Fatalf("byte %d: %v", i, err)
		}
		broken[i] ^= 0x55
	}
}

// TestAvroRefused: what is no table.
func TestAvroRefused(t *testing.T) {
	for schema, want := range map[string]string{
		`"string"`: "want records",
		`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"array","items":"int"}}]}`:                                    `column "a": of type "array"`,
		`{"type":"record","name":"r","fields":[{"name":"a","type":["int","string"]}]}`:                                                  "a union of 2 types",
		`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"int","logicalType":"time-millis"}}]}`:                        "time-millis",
		`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"record","name":"s","fields":[{"name":"b","type":"int"}]}}]}`: `of type "record"`,
	} {
		var b strings.Builder
		if _, err := goavro.NewOCFWriter(goavro.OCFConfig{W: &b, Schema: schema}); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll([]byte(b.String()), table.ReaderOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", schema, err, want)
		}
	}
	if _, err := newAvroWriter(io.Discard, WriteOptions{Columns: []string{"unit price"}}); !errors.Is(err, table.ErrInput) || !strings.Contains(err.Error(), `"unit price"`) {
		t.Errorf("a name with a blank: %v", err)
	}
}
