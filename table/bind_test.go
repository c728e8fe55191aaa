package table

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// TestBind: columns are found by name, and what is missing or extra is named.
func TestBind(t *testing.T) {
	s := &Schema{Columns: []Column{{Name: "a", Kind: Integer}, {Name: "b", Kind: Category, Categories: []string{"x", "y"}}}, LeftOut: []LeftOut{{Name: "id"}}}
	r, err := NewReader(strings.NewReader("b,id,a\ny,9,4\nz,8,5\nx,7,\nx,6,-1\n"), ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bind(r.Columns(), false)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float64, 2)
	if err := b.Read(r, row); err != nil || row[0] != 4 || row[1] != 1 {
		t.Errorf("%v, %v", row, err)
	}
	for _, want := range []string{`row 2 (line 3), column "b": the category "z"`, `row 3 (line 4), column "a": a missing cell`} {
		if err := b.Read(r, row); !errors.Is(err, ErrCell) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := b.Read(r, row); err != nil || row[0] != -1 || row[1] != 0 {
		t.Errorf("behind an error: %v, %v", row, err)
	}
	if err := b.Read(r, row); err != io.EOF {
		t.Error(err)
	}
	for _, c := range []struct {
		names []string
		extra bool
		want  string
	}{
		{[]string{"a", "c"}, true, `the columns "b" are missing, the input has "a", "c"`},
		{[]string{"a", "b", "c"}, false, `the columns "c" are none of the schema's, which are "a", "b"`},
		{[]string{"a", "b", "a"}, true, `columns 1 and 3 are both "a"`},
		{[]string{"a", "b", "c"}, true, ""},
	} {
		_, err := s.Bind(c.names, c.extra)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrColumns) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %s", c.names, err, c.want)
		}
	}
	s.Columns[1].OnUnknown = TakeMissing
	b, err = s.Bind([]string{"a"}, false)
	if err != nil {
		t.Fatal(err)
	}
	if cells, err := b.Cells([]string{"3"}); err != nil || cells[0] != "3" || cells[1] != "" {
		t.Errorf("%q, %v", cells, err)
	}
}
