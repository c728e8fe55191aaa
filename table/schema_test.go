package table

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func at(v float64) *float64 { return &v }

// mixed is a schema with a column of every kind.
func mixed() *Schema {
	return &Schema{Columns: []Column{
		{Name: "height", Kind: Real, Decimals: 2, Pad: 1, Step: 0.01, Lower: at(0), Offset: 1.7, Scale: 0.1, Min: 1.2, Max: 2.1},
		{Name: "visits", Kind: Integer, Step: 1, Atoms: []float64{0, 3}, Offset: 5, Scale: 2, Max: 30, Missing: true},
		{Name: "city", Kind: Category, Categories: []string{"Bern", "Oslo", "Rome"}, Missing: true},
		{Name: "member", Kind: Boolean, Categories: []string{"no", "yes"}},
		{Name: "seen", Kind: Time, Layout: "2006-01-02 15:04:05", Offset: 1.5e9, Scale: 1e6, Min: 1.4e9, Max: 1.6e9},
		{Name: "weight", Kind: Real, Offset: 70, Scale: 12, Min: 40, Max: 120},
	}}
}

// TestEncode: the number of each kind of cell, and the cell of each number.
func TestEncode(t *testing.T) {
	s := mixed()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	row := make([]float64, 6)
	if err := s.Encode([]string{"1.83", "3", "Rome", " YES ", "2017-07-14 02:40:00", "64"}, row); err != nil {
		t.Fatal(err)
	}
	want := []float64{1.3, -1, 2, 1, 0, -0.5}
	for i := range want {
		if math.Abs(row[i]-want[i]) > 1e-12 {
			t.Errorf("column %d: %v, want %v", i, row[i], want[i])
		}
	}
	if x := s.Columns[1].ToModel(3); x != row[1] {
		t.Errorf("the atom is %v, its cell %v", x, row[1])
	}
	cells := make([]string, 6)
	for _, c := range [][]string{
		{"1.83", "3", "Rome", "yes", "2017-07-14 02:40:00", "64"},
		{"2.0", "", "", "no", "1999-12-31 23:59:59", "71.123456789"},
		{"0.07", "-4", "Bern", "no", "2017-07-14 02:40:01", "69.5"},
	} {
		if err := s.Encode(c, row); err != nil {
			t.Fatal(err)
		}
		if err := s.Decode(row, cells); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c, cells); d != "" {
			t.Error(d)
		}
	}
	if row[1] = Missing; float64(float32(Missing)) != Missing {
		t.Error("Missing is not exact in float32")
	}
	// A draw: on the grid, whole, within bounds.
	if err := s.Decode([]float64{-40, 0.3, 1, 0, 1e-7, 0}, cells); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"0.0", "6", "Oslo", "no", "2017-07-14 02:40:00", "70"}, cells); d != "" {
		t.Error(d)
	}
}

// TestPolicies: a cell that a column does not take, under each policy.
func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		column int
		cell   string
		want   string
	}{
		{0, "tall", `column "height": the text "tall", want a number`},
		{0, "", `column "height": a missing cell, want a value`},
		{0, "inf", `column "height": "inf", which is not finite`},
		{0, "1e999", `column "height": "1e999", which is beyond the range of float64`},
		{0, "1e40", `column "height": "1e40", want a number less than`},
		{0, "0x10", `column "height": the text "0x10", want a number`},
		{1, "2.5", `column "visits": "2.5", want a whole number`},
		{2, "Paris", `column "city": the category "Paris", want one of the 3 that were there when the schema was made: "Bern", "Oslo", "Rome"`},
		{3, "maybe", `column "member": the category "maybe"`},
		{4, "14.07.2017", `column "seen": the text "14.07.2017", want a time such as 2006-01-02 15:04:05`},
	} {
		column := mixed().Columns[c.column]
		_, err := column.Encode(c.cell)
		var e *CellError
		if !errors.As(err, &e) || !errors.Is(err, ErrCell) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.cell, err, c.want)
		}
		if errors.Is(err, ErrSkipped) {
			t.Errorf("%q is skipped without being asked to", c.cell)
		}
		column.OnUnknown = TakeMissing
		if x, err := column.Encode(c.cell); err != nil || x != Missing {
			t.Errorf("%q as missing: %v, %v", c.cell, x, err)
		}
		column.OnUnknown = SkipRow
		if _, err := column.Encode(c.cell); !errors.Is(err, ErrSkipped) || !errors.Is(err, ErrCell) {
			t.Errorf("%q skipped: %v", c.cell, err)
		}
	}
	s := mixed()
	if err := s.Encode(make([]string, 5), make([]float64, 6)); !errors.Is(err, ErrColumns) {
		t.Error(err)
	}
	if err := s.Decode([]float64{0, 0, 3, 0, 0, 0}, make([]string, 6)); err == nil {
		t.Error("category 3 of 3 is decoded")
	}
	if err := s.Decode([]float64{math.NaN(), 0, 0, 0, 0, 0}, make([]string, 6)); !errors.Is(err, ErrCell) {
		t.Error(err)
	}
}

// TestSchemaJSON: a schema comes back from JSON as it was, and a slip is an
// error.
func TestSchemaJSON(t *testing.T) {
	s := mixed()
	s.LeftOut = []LeftOut{{"id", "it counts the rows"}}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseSchema(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s, back); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]string{
		`{"column": []}`: `there is no field "column"`,
		`{"columns": [{"name": "a", "Kind": "real"}]}`:  `there is no field "Kind"`,
		`{"columns": [{"name": "a", "name": "b"}]}`:     `the field "name" is there twice`,
		`{"columns": [{"name": "a", "lower": "zero"}]}`: "cannot unmarshal string",
		`{"columns": [`: "unexpected end of JSON",
		`[1]`:           "cannot unmarshal",
		``:              "unexpected end of JSON",
	} {
		if _, err := ParseSchema(strings.NewReader(text)); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestValidate: what is wrong with a schema, by column.
func TestValidate(t *testing.T) {
	for want, spoil := range map[string]func(*Schema){
		"without columns":                     func(s *Schema) { s.Columns = nil },
		`columns 1 and 2 are both "visits"`:   func(s *Schema) { s.Columns[0].Name = "visits" },
		`column "" (1): it has no name`:       func(s *Schema) { s.Columns[0].Name = "" },
		`kind "number", want real, integer`:   func(s *Schema) { s.Columns[0].Kind = "number" },
		"1 categories, want the two texts":    func(s *Schema) { s.Columns[3].Categories = []string{"no"} },
		`category "Oslo" is empty or there`:   func(s *Schema) { s.Columns[2].Categories = []string{"Oslo", "Oslo"} },
		"step -1":                             func(s *Schema) { s.Columns[0].Step = -1 },
		"scale -2":                            func(s *Schema) { s.Columns[0].Scale = -2 },
		"an atom is NaN":                      func(s *Schema) { s.Columns[1].Atoms = []float64{math.NaN()} },
		"not in ascending order":              func(s *Schema) { s.Columns[1].Atoms = []float64{3, 3} },
		"atom 3 is outside the bounds":        func(s *Schema) { s.Columns[1].Upper = at(2) },
		"want lower below upper":              func(s *Schema) { s.Columns[0].Upper = at(-1) },
		"a time has no layout":                func(s *Schema) { s.Columns[4].Layout = "" },
		"is among the columns and left out":   func(s *Schema) { s.LeftOut = []LeftOut{{Name: "city"}} },
		`on_unknown "ignore", want error, mi`: func(s *Schema) { s.Columns[0].OnUnknown = "ignore" },
		"categories are for columns of kind":  func(s *Schema) { s.Columns[0].Categories = []string{"a"} },
	} {
		s := mixed()
		spoil(s)
		if err := s.Validate(); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestCoding: what a density is told of each kind of column.
func TestCoding(t *testing.T) {
	s := mixed()
	nan := math.NaN()
	for j, want := range []Coding{
		{Continuous: true, Ordered: true, Step: 0.1, Origin: 0, Lower: -17, Upper: nan},
		{Atoms: []float64{-2.5, -1}, HasMissing: true, Continuous: true, Ordered: true, Step: 0.5, Lower: nan, Upper: nan},
		{Atoms: []float64{0, 1, 2}, HasMissing: true, Lower: nan, Upper: nan},
		{Atoms: []float64{0, 1}, Lower: nan, Upper: nan},
		{Continuous: true, Ordered: true, Lower: nan, Upper: nan},
		{Continuous: true, Ordered: true, Lower: nan, Upper: nan},
	} {
		near := cmp.Comparer(func(a, b float64) bool { return a != a && b != b || math.Abs(a-b) < 1e-12 })
		if d := cmp.Diff(want, s.Coding(j), near); d != "" {
			t.Errorf("column %d: %s", j, d)
		}
	}
	for j, want := range []float64{0, 0, 0, 0, math.Log(1e6), math.Log(12)} {
		if got := s.LogScale(j); got != want {
			t.Errorf("column %d: log scale %v, want %v", j, got, want)
		}
	}
	constant := &Schema{Columns: []Column{{Name: "c", Kind: Integer, Atoms: []float64{7}, Min: 7, Max: 7}}}
	if constant.Coding(0).Continuous {
		t.Error("a constant column is continuous")
	}
}
