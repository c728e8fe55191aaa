// Readers and schemas against arbitrary bytes.

package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/fuzzing"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// FuzzReader holds reading and inference to an error or to a schema by which every
// row is encoded, decoded and encoded again to the same codes.
func FuzzReader(f *testing.F) {
	var seeds [][]byte
	for _, text := range []string{
		"a,b c,d\n1,x,\n2,\"y, z\",3\n", "\ufeffa;b\r\n1;2\r\n", "a\n1\n2\n1e309\n", "a,b\n1\n", "a,b\n\"1,2\n",
		`{"a":1,"b":"x"}` + "\n" + `{"a":null,"b":"y"}`, `{"a":[1]}`, "{\"a\":1,\"a\":2}\n", "a,a\n1,2\n",
		"t,n\n2021-03-04,NaN\n2021-03-05,Inf\n2021-03-06,7\n", zipped("a,b\n1,2\n3,4\n"), zipped("a,b\n1,2\n")[:20],
		"a\n007\n0.1\n-0\n+5\n1_000\n0x1p-2\n", "\x00\n\xff\xfe\n", "a\tb\n1\t2\n", "a\n1\n0.9999999999997999\n",
	} {
		seeds = append(seeds, []byte(text))
		f.Add([]byte(text), true)
		f.Add([]byte(text), false)
	}
	hold := func(t testing.TB, raw []byte, lines bool) (read bool) {
		o := ReaderOptions{}
		if lines {
			o.Format = NDJSON
		}
		r, err := NewReader(bytes.NewReader(raw), o)
		if err != nil {
			return false
		}
		s, err := Infer(r, InferOptions{})
		if err != nil {
			return false
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("the schema inferred is no schema: %v", err)
		}
		r, err = NewReader(bytes.NewReader(raw), r.Options())
		if err != nil {
			t.Fatalf("a second time: %v", err)
		}
		b, err := s.Bind(r.Columns(), true)
		if err != nil {
			t.Fatalf("columns of its own: %v", err)
		}
		d := len(s.Columns)
		codes, again, cells := make([]float64, d), make([]float64, d), make([]string, d)
		for {
			line, err := r.Read()
			if err == io.EOF {
				return true
			}
			if err != nil {
				t.Fatalf("row %d was read, and now %v", r.Row(), err)
			}
			picked, err := b.Cells(line)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Encode(picked, codes); err != nil {
				t.Fatalf("row %d, %q: %v", r.Row(), picked, err)
			}
			if err := s.Decode(codes, cells); err != nil {
				t.Fatalf("row %d, codes %v: %v", r.Row(), codes, err)
			}
			if err := s.Encode(cells, again); err != nil {
				t.Fatalf("row %d, decoded to %q: %v", r.Row(), cells, err)
			}
			for j := range codes {
				tolerance := 1e-9
				if s.Columns[j].Origin != 0 { // on a grid that was estimated
					tolerance = 1e-4
				}
				digits := 0.0 // in codes, what 15 digits of the value leave open
				if scale := s.Columns[j].Scale; scale != 0 {
					digits = 1e-15 * math.Abs(s.Columns[j].FromModel(codes[j])/scale)
				}
				if math.Abs(codes[j]-again[j]) > tolerance*max(1, math.Abs(codes[j]))+digits {
					t.Fatalf("row %d, column %d: %q is %v, decoded %q is %v", r.Row(), j, picked[j], codes[j], cells[j], again[j])
				}
			}
		}
	}
	fuzzing.Executions(f, seeds, func(raw []byte, number uint64) bool { return hold(f, raw, number%2 == 0) })
	f.Fuzz(func(t *testing.T, raw []byte, lines bool) { hold(t, raw, lines) })
}

// FuzzParseSchema holds schemas in JSON to an error or to one that survives a round trip.
func FuzzParseSchema(f *testing.F) {
	s, err := Infer(testkit.Must(NewReader(strings.NewReader("a,b,c,t\n1,x,,2021-03-04\n2.5,y,3,2021-03-05\n"), ReaderOptions{})), InferOptions{})
	if err != nil {
		f.Fatal(err)
	}
	seeds := [][]byte{
		testkit.Must(json.Marshal(s)),
		[]byte(`{"columns":[{"name":"a","kind":"real","lower":1,"upper":0}]}`),
		[]byte(`{"columns":[{"name":"a","kind":"category","values":["x","x"]}]}`),
	}
	for _, raw := range seeds {
		f.Add(raw)
	}
	hold := func(t testing.TB, raw []byte) (read bool) {
		s, err := ParseSchema(bytes.NewReader(raw))
		if err != nil {
			if !errors.Is(err, ErrSchema) {
				t.Fatalf("error %v is no ErrSchema", err)
			}
			return false
		}
		text := testkit.Must(json.Marshal(s))
		again, err := ParseSchema(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if text2 := testkit.Must(json.Marshal(again)); !bytes.Equal(text, text2) {
			t.Fatalf("%s\nand then\n%s", text, text2)
		}
		return true
	}
	fuzzing.Executions(f, seeds, func(raw []byte, _ uint64) bool { return hold(f, raw) })
	f.Fuzz(func(t *testing.T, raw []byte) { hold(t, raw) })
}
