package table

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readAll reads columns and rows.
func readAll(r io.Reader, o ReaderOptions) (names []string, rows [][]string, err error) {
	t, err := NewReader(r, o)
	if err != nil {
		return nil, nil, err
	}
	for {
		cells, err := t.Read()
		if err == io.EOF {
			return t.Columns(), rows, nil
		}
		if err != nil {
			if _, again := t.Read(); again != err {
				return nil, nil, fmt.Errorf("a second Read: %v, not %v", again, err)
			}
			return t.Columns(), rows, err
		}
		rows = append(rows, append([]string(nil), cells...))
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.String()
}

// TestReads: the same two rows in every dress.
func TestReads(t *testing.T) {
	const plain = "a,b c,d\n1,x,\n2,\"y, z\",3\n"
	names, rows := []string{"a", "b c", "d"}, [][]string{{"1", "x", ""}, {"2", "y, z", "3"}}
	for name, c := range map[string]struct {
		text string
		o    ReaderOptions
	}{
		"plain":            {plain, ReaderOptions{}},
		"no last newline":  {strings.TrimSuffix(plain, "\n"), ReaderOptions{}},
		"CRLF":             {strings.ReplaceAll(plain, "\n", "\r\n"), ReaderOptions{}},
		"BOM":              {"\ufeff" + plain, ReaderOptions{}},
		"gzip":             {zipped(plain), ReaderOptions{}},
		"gzip with BOM":    {zipped("\ufeff" + plain), ReaderOptions{}},
		"two gzip members": {zipped(plain[:9]) + zipped(plain[9:]), ReaderOptions{}},
		"semicolons":       {"a;b c;d\n1;x;\n2;y, z;3\n", ReaderOptions{}},
		"tabs":             {"a\tb c\td\n1\tx\t\n2\ty, z\t3\n", ReaderOptions{}},
		"a separator":      {"a!b c!d\n1!x!\n2!y, z!3\n", ReaderOptions{Comma: '!'}},
		"spaces":           {"a , b c ,d\n 1, x, \n2,\"y, z\",  3\n", ReaderOptions{}},
		"markers":          {"a,b c,d\n1,x,NA\n2,\"y, z\",3\n", ReaderOptions{}},
		"own markers":      {"a,b c,d\n1,x,?\n2,\"y, z\",3\n", ReaderOptions{Missing: []string{"?"}}},
		"blank lines":      {"\na,b c,d\n1,x,\n\n2,\"y, z\",3\n\n", ReaderOptions{}},
		"NDJSON":           {`{"a": 1, "b c": "x", "d": null}` + "\n" + `{"b c":"y, z","a":2,"d":"3"}`, ReaderOptions{}},
		"NDJSON, gzip":     {zipped(" \n" + `{"a": 1, "b c": "\u0078"}` + "\r\n\n" + `{"b c":"y, z","a":2,"d":3}` + "\n"), ReaderOptions{}},
		"NDJSON, known":    {`{"a": 1, "b c": "x"}` + "\n" + `{"b c":"y, z","a":2,"d":3}`, ReaderOptions{Columns: []string{"d", "a"}}},
	} {
		for _, in := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
			gotNames, gotRows, err := readAll(in, c.o)
			if err != nil || !cmp.Equal(names, gotNames) || !cmp.Equal(rows, gotRows) {
				t.Errorf("%s: %q, %q, %v", name, gotNames, gotRows, err)
			}
		}
	}
}

// TestHeaders: with one, without, and names that are empty.
func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		text   string
		header Header
		want   string
	}{
		{"1,2\n3,4\n", "", "[column1 column2] 2"},
		{"1,2\n3,4\n", WithHeader, "[1 2] 1"},
		{"a,b\n3,4\n", "", "[a b] 1"},
		{"a,b\n3,4\n", WithoutHeader, "[column1 column2] 2"},
		{",b\n3,4\n", "", "[column1 b] 1"},
	} {
		names, rows, err := readAll(strings.NewReader(c.text), ReaderOptions{Header: c.header})
		if got := fmt.Sprint(names, len(rows)); err != nil || got != c.want {
			t.Errorf("%q, %q: %s, %v; want %s", c.text, c.header, got, err, c.want)
		}
	}
}

// TestBadInput: what is wrong, where, and the rows before it are read.
func TestBadInput(t *testing.T) {
	long := zipped(strings.Repeat("1,22,333\n4,55,666\n", 20000))
	flipped := []byte(long)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	for name, c := range map[string]struct {
		text string
		o    ReaderOptions
		rows int
		is   error
		want string
	}{
		"empty":                {"", ReaderOptions{}, 0, ErrInput, "the input is empty"},
		"blank":                {" \n\n", ReaderOptions{}, 0, ErrInput, "the input is empty"},
		"empty gzip":           {zipped(""), ReaderOptions{}, 0, ErrInput, "the input is empty"},
		"ragged, short":        {"a,b\n1,2\n3\n", ReaderOptions{}, 1, ErrInput, "line 3 has 1 cells, want 2, as many as the first line has: it was cut short"},
		"ragged, long":         {"a,b\n1,2\n3,4\n5,6,7\n", ReaderOptions{}, 2, ErrInput, "line 4 has 3 cells, want 2"},
		"ragged behind lines":  {"a,b\n\"1\n\n\",2\n3\n", ReaderOptions{}, 1, ErrInput, "line 5 has 1 cells"},
		"open quote":           {"a,b\n1,2\n\"3,4\n5,6\n", ReaderOptions{}, 1, ErrInput, "the row on line 3 has a quote that is never closed"},
		"open quote, long":     {"a,b\n1,2\n\"3,4\n" + strings.Repeat("5,6\n", 2<<20), ReaderOptions{}, 1, ErrInput, "a row after line 2 has more than 4194304 bytes: is a quote never closed?"},
		"text behind a quote":  {"a,b\n\"3\"4,5\n", ReaderOptions{}, 0, ErrInput, "line 2, character 3: a quote that is never closed, or text behind"},
		"bare quote":           {"a,b\n3\"4,5\n", ReaderOptions{}, 0, ErrInput, "line 2, character 2: a quote within a cell"},
		"cut gzip":             {long[:len(long)-20], ReaderOptions{}, 39000, ErrInput, "the input ends within a gzip block"},
		"cut at once":          {long[:14], ReaderOptions{}, 0, ErrInput, "the input ends within a gzip block"},
		"damaged gzip":         {string(flipped), ReaderOptions{}, 39000, ErrInput, "damaged gzip"},
		"gzip by name":         {"\x1f\x8b no gzip", ReaderOptions{}, 0, ErrInput, "looks like gzip and is not"},
		"one name twice":       {"a,b,a\n1,2,3\n", ReaderOptions{}, 0, ErrColumns, `columns 1 and 3 are both "a"; rename one`},
		"UTF-16":               {"\xff\xfea\x00,\x00b\x00", ReaderOptions{}, 0, ErrInput, "UTF-16, want UTF-8"},
		"zero bytes":           {"PK\x03\x04\x00\x00", ReaderOptions{}, 0, ErrInput, "zero bytes, and is no text"},
		"carriage returns":     {"a,b\r1,2\r3,4\r", ReaderOptions{}, 0, ErrInput, "carriage return alone"},
		"a bad separator":      {"a,b\n", ReaderOptions{Comma: '"'}, 0, ErrInput, "the separator '\"'"},
		"an unknown format":    {"a,b\n", ReaderOptions{Format: "xls"}, 0, ErrInput, `format "xls", want csv or ndjson`},
		"an unknown header":    {"a,b\n", ReaderOptions{Header: "maybe"}, 0, ErrInput, `header "maybe", want yes or no`},
		"NDJSON, new key":      {strings.Repeat("{\"a\":1}\n", 150) + "{\"a\":2,\"b\":1}\n", ReaderOptions{}, 150, ErrInput, `row 151 (line 151): the key "b" is none of the columns`},
		"NDJSON, key twice":    {`{"a":1,"a":2}`, ReaderOptions{}, 0, ErrInput, `line 1: the key "a" is there twice`},
		"NDJSON, twice later":  {strings.Repeat("{\"a\":1}\n", 150) + "{\"a\":2,\"a\":1}\n", ReaderOptions{}, 150, ErrInput, `row 151 (line 151): the key "a" is there twice`},
		"NDJSON, nested":       {`{"a":[1]}`, ReaderOptions{}, 0, ErrInput, `line 1: the key "a" has an array or an object`},
		"NDJSON, cut":          {strings.Repeat("{\"a\":1}\n", 150) + `{"a": 1`, ReaderOptions{}, 150, ErrInput, "line 151): it ends within an object"},
		"NDJSON, two a line":   {`{"a":1} {"a":2}`, ReaderOptions{}, 0, ErrInput, "behind the object, want one object a line"},
		"NDJSON, an array":     {`[{"a":1}]`, ReaderOptions{Format: NDJSON}, 0, ErrInput, `line 1: it begins with "["`},
		"NDJSON, no keys":      {"{}\n{}\n", ReaderOptions{}, 0, ErrInput, "the first rows have no keys"},
		"NDJSON, a long line":  {`{"a":"` + strings.Repeat("x", 5<<20), ReaderOptions{}, 0, ErrInput, "line 1 has more than 4194304 bytes"},
		"NDJSON, a wrong word": {`{"a": tru}`, ReaderOptions{}, 0, ErrInput, "line 1: it is no JSON object"},
	} {
		_, rows, err := readAll(strings.NewReader(c.text), c.o)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if len(rows) < c.rows || c.rows < 1000 && len(rows) != c.rows {
			t.Errorf("%s: %d rows before it, want %d", name, len(rows), c.rows)
		}
	}
	for _, text := range []string{`{"a" 1}`, `{a: 1}`, `{"a": 1,}`, `{"a": 1 "b": 2}`, `{"a": 01}`, `{"a": "\x"}`, "{\"a\": \"x\ty\"}", `{"a": -}`, `{,}`, `{"a": NaN}`} {
		if _, _, err := readAll(strings.NewReader(text), ReaderOptions{}); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "it is no JSON object") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for cut := 1; cut < 28; cut++ {
		whole := strings.Repeat("{\"a\":1}\n", 150) + `{"a" : "x\u0041",  "b": true }`
		text := whole[:len(whole)-cut]
		if _, rows, err := readAll(strings.NewReader(text), ReaderOptions{Columns: []string{"b"}}); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "it ends within an object") || len(rows) != 150 {
			t.Errorf("%s: %d rows, %v", text[1200:], len(rows), err)
		}
	}
	broken := errors.New("broken")
	if _, _, err := readAll(io.MultiReader(strings.NewReader("a,b\n1,2\n"), iotest.ErrReader(broken)), ReaderOptions{}); !errors.Is(err, broken) || !strings.Contains(err.Error(), "row 2") {
		t.Error(err)
	}
}

// TestRoundTrip: rows written are the rows that are read, in both formats.
func TestRoundTrip(t *testing.T) {
	names := []string{"a", "b,\"c\"", "é"}
	rows := [][]string{{"1", "x", ""}, {"", "", ""}, {"-2.5e-07", "line\nbreak", "\"quoted\""}, {"3", "1", "true"}}
	s := &Schema{Columns: []Column{{Name: "a", Kind: Real}, {Name: "é", Kind: Category}}}
	for _, o := range []ReaderOptions{{}, {Comma: ';'}, {Format: NDJSON}} {
		var b bytes.Buffer
		w, err := NewWriter(&b, names, s, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		gotNames, gotRows, err := readAll(&b, o)
		if err != nil || !cmp.Equal(gotNames, names) || !cmp.Equal(gotRows, rows) {
			t.Errorf("%+v: %q, %q, %v", o, gotNames, gotRows, err)
		}
	}
	var b bytes.Buffer
	w, _ := NewWriter(&b, names, s, ReaderOptions{Format: NDJSON})
	w.Write([]string{"1.50", "1", "true"})
	w.Close()
	if want := `{"a":1.50,"b,\"c\"":"1","é":"true"}` + "\n"; b.String() != want {
		t.Errorf("%s, want %s", b.String(), want)
	}
	b.Reset()
	w, _ = NewWriter(&b, []string{"a"}, nil, ReaderOptions{})
	w.Write([]string{""})
	w.Write([]string{"x"})
	w.Close()
	if _, rows, err := readAll(&b, ReaderOptions{}); err != nil || len(rows) != 2 {
		t.Errorf("a column with a missing cell: %q, %v", rows, err)
	}
}

// TestWriterFails: a disk that is full is an error, at the latest by Close.
func TestWriterFails(t *testing.T) {
	for _, o := range []ReaderOptions{{}, {Format: NDJSON}} {
		w, err := NewWriter(full{}, []string{"a"}, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]string{"1"})
		if err := w.Close(); !errors.Is(err, io.ErrShortWrite) {
			t.Error(err)
		}
	}
}

type full struct{}

func (full) Write(p []byte) (int, error) { return 0, io.ErrShortWrite }

// TestText: rows of NDJSON come as they stand, those read ahead, too.
func TestText(t *testing.T) {
	var lines []string
	for i := range 2 * firstRows {
		lines = append(lines, fmt.Sprintf(`{"a": %d.50,  "b":null}`, i))
	}
	r, err := NewReader(strings.NewReader(strings.Join(lines, "\r\n")), ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range lines {
		if _, err := r.Read(); err != nil || string(r.Text()) != want || r.Row() != i+1 || r.Line() != i+1 {
			t.Fatalf("row %d, line %d: %s, %v; want %s", r.Row(), r.Line(), r.Text(), err, want)
		}
	}
}
