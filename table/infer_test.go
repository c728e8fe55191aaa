package table

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inferColumn is the schema of a single column, and why it is left out.
func inferColumn(t *testing.T, o InferOptions, cells ...string) (Column, string, error) {
	t.Helper()
	// A column that stays keeps the table from being empty.
	i, err := NewInference([]string{"x", "stays"}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		if err := i.Add([]string{c, "a"}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := i.Schema()
	if err != nil {
		return Column{}, "", err
	}
	if len(s.LeftOut) > 0 {
		return Column{}, s.LeftOut[0].Reason, nil
	}
	return s.Columns[0], "", nil
}

// many calls f for 0 to n-1.
func many(n int, f func(i int) string) []string {
	cells := make([]string, n)
	for i := range cells {
		cells[i] = f(i)
	}
	return cells
}

// TestKinds: the kind of a column, or why it is left out, by its cells.
func TestKinds(t *testing.T) {
	word := func(words ...string) []string { return many(60, func(i int) string { return words[i%len(words)] }) }
	for name, c := range map[string]struct {
		cells []string
		kind  Kind
		out   string
	}{
		"numbers":               {word("1.5", "2", "-3e2"), Real, ""},
		"whole numbers":         {word("1", "2", "-3", ""), Integer, ""},
		"zeros and ones":        {word("0", "1"), Boolean, ""},
		"True and False":        {word("True", "False", ""), Boolean, ""},
		"y and n":               {word("y", "n"), Boolean, ""},
		"one word of two":       {word("True"), Category, ""},
		"words":                 {word("red", "green", "blue"), Category, ""},
		"codes with zeros":      {word("007", "010", "100"), Category, ""},
		"dates":                 {word("2024-02-29", "1999-12-31", ""), Time, ""},
		"no dates":              {word("2024-02-29", "2023-02-29"), Category, ""},
		"times of day":          {word("09:30", "23:59"), Time, ""},
		"a few words, a number": {word("1", "2", "x"), Category, ""},
		"beyond 2^53":           {word("9007199254740993", "1", "2"), Category, ""},
		"all missing":           {word(""), "", "all its cells are missing"},
		"names":                 {many(60, func(i int) string { return fmt.Sprint("name", i) }), "", "60 different texts in 60 cells"},
		"row numbers":           {many(60, func(i int) string { return strconv.Itoa(i + 5) }), "", "counts the rows"},
		"all but row numbers":   {many(60, func(i int) string { return strconv.Itoa(i + 5 + i/59) }), Integer, ""},
		"free text":             {many(5000, func(i int) string { return fmt.Sprint("t", i%1001) }), "", "more than 1000 different texts"},
		"as many as allowed":    {many(5000, func(i int) string { return fmt.Sprint("t", i%1000) }), Category, ""},
		"10^5 texts in 10^5":    {many(100_000, func(i int) string { return fmt.Sprint("t", i) }), "", "more than 1000 different texts"},
	} {
		got, out, err := inferColumn(t, InferOptions{}, c.cells...)
		if err != nil || got.Kind != c.kind || (out == "") != (c.out == "") || !strings.Contains(out, c.out) {
			t.Errorf("%s: %q, left out %q, %v; want %q, %q", name, got.Kind, out, err, c.kind, c.out)
		}
		if missing := slices.Contains(c.cells, ""); out == "" && got.Missing != missing {
			t.Errorf("%s: missing %v", name, got.Missing)
		}
	}
}

// TestTextAmongNumbers: it is reported with its row, what it is and what to do.
func TestTextAmongNumbers(t *testing.T) {
	for _, text := range []string{"12,5", "inf", "1e999", "none"} {
		cells := many(200, func(i int) string { return strconv.Itoa(i * i) })
		cells[120] = text
		_, _, err := inferColumn(t, InferOptions{}, cells...)
		var e *CellError
		if !errors.As(err, &e) || e.Row != 121 || e.Column != "x" || !strings.Contains(e.Found, strconv.Quote(text)) || !strings.Contains(e.Want, "199 of the 200") {
			t.Errorf("%s: %v", text, err)
		}
		// As given, it is missing.
		c, _, err := inferColumn(t, InferOptions{Given: &Schema{Columns: []Column{{Name: "x", Kind: Real, OnUnknown: TakeMissing}}}}, cells...)
		if err != nil || !c.Missing || c.Kind != Real || c.Max != 199*199 {
			t.Errorf("%s as missing: %+v, %v", text, c, err)
		}
	}
}

// TestNumbers: step, decimals, bounds, offset and scale.
func TestNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		cell func() string
		want Column
	}{
		"quarters":  {func() string { return fmt.Sprintf("%.2f", float64(rng.IntN(400)-200)/4) }, Column{Kind: Real, Step: 0.25, Decimals: 2, Pad: 2}},
		"25s":       {func() string { return strconv.Itoa(25 * (100 + rng.IntN(100))) }, Column{Kind: Integer, Step: 25, Lower: at(0)}},
		"fractions": {func() string { return strconv.FormatFloat(rng.Float64(), 'g', -1, 64) }, Column{Kind: Real, Lower: at(0), Upper: at(1)}},
		"halves":    {func() string { return strconv.FormatFloat(rng.Float64()/2, 'g', -1, 64) }, Column{Kind: Real, Lower: at(0)}},
		"tenths":    {func() string { return strconv.FormatFloat(float64(rng.IntN(1000))/10, 'f', -1, 64) }, Column{Kind: Real, Step: 0.1, Decimals: 1, Lower: at(0)}},
		"fine":      {func() string { return fmt.Sprintf("%.7f", rng.NormFloat64()) }, Column{Kind: Real, Decimals: 7, Pad: 7}},
		"huge":      {func() string { return fmt.Sprintf("%.3g", rng.NormFloat64()*1e300) }, Column{Kind: Real}},
		"large":     {func() string { return strconv.Itoa(1_600_000_000 + rng.IntN(1e8)) }, Column{Kind: Integer, Lower: at(0)}},
	} {
		rng = rand.New(rand.NewPCG(1, 2))
		got, _, err := inferColumn(t, InferOptions{}, many(3000, func(int) string { return c.cell() })...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c.want.Name, c.want.Offset, c.want.Scale, c.want.Min, c.want.Max = "x", got.Offset, got.Scale, got.Min, got.Max
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		mean, dev := (got.Min+got.Max)/2, (got.Max-got.Min)/math.Sqrt(12)
		if name != "huge" && name != "fine" && (math.Abs(got.Offset-mean) > 0.05*dev || math.Abs(got.Scale/dev-1) > 0.05) {
			t.Errorf("%s: offset %g, scale %g; want about %g, %g", name, got.Offset, got.Scale, mean, dev)
		}
	}
}

// TestAtoms: the values that have a probability of their own.
func TestAtoms(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	normal := func(step float64) string {
		return strconv.FormatFloat(math.Round((20+5*rng.NormFloat64())/step)*step, 'f', 2, 64)
	}
	for name, c := range map[string]struct {
		cell func() string
		want []float64
	}{
		"few whole numbers": {func() string { return strconv.Itoa(rng.IntN(5)) }, []float64{0, 1, 2, 3, 4}},
		"a spike": {func() string {
			return [...]string{"0", strconv.FormatFloat(rng.ExpFloat64(), 'g', -1, 64)}[rng.IntN(2)]
		}, []float64{0}},
		"a spike on a grid":  {func() string { return [...]string{"0", "20.5", normal(0.1)}[min(rng.IntN(10), 2)] }, []float64{0, 20.5}},
		"a grid alone":       {func() string { return normal(0.25) }, nil},
		"whole numbers":      {func() string { return strconv.Itoa(int(50 + 20*rng.NormFloat64())) }, nil},
		"no repeated values": {func() string { return strconv.FormatFloat(rng.NormFloat64(), 'g', -1, 64) }, nil},
		"a constant":         {func() string { return "7" }, []float64{7}},
	} {
		for _, n := range []int{2000, 60_000} {
			rng = rand.New(rand.NewPCG(3, uint64(n)))
			got, _, err := inferColumn(t, InferOptions{Sample: 20_000}, many(n, func(int) string { return c.cell() })...)
			if err != nil || !slices.Equal(got.Atoms, c.want) {
				t.Errorf("%s, %d rows: %v, %v; want %v", name, n, got.Atoms, err, c.want)
			}
		}
	}
	// The rare value of few, once in all rows, is an atom, too.
	cells := many(60_000, func(int) string { return strconv.Itoa(rng.IntN(3)) })
	cells[59_000] = "9"
	if got, _, _ := inferColumn(t, InferOptions{}, cells...); !slices.Equal(got.Atoms, []float64{0, 1, 2, 9}) {
		t.Errorf("atoms %v", got.Atoms)
	}
	// So many whole numbers are all atoms, and one more are none.
	for n, want := range map[int]int{fewValues: fewValues, fewValues + 1: 0} {
		if got, _, _ := inferColumn(t, InferOptions{}, many(2000, func(i int) string { return strconv.Itoa(i % n) })...); len(got.Atoms) != want {
			t.Errorf("%d whole numbers: atoms %v", n, got.Atoms)
		}
	}
	if got, _, _ := inferColumn(t, InferOptions{Given: &Schema{Columns: []Column{{Name: "x", Atoms: []float64{}}}}}, cells...); len(got.Atoms) > 0 {
		t.Errorf("atoms %v, none were asked for", got.Atoms)
	}
}

// TestTimes: layout, fraction, step; day or month first.
func TestTimes(t *testing.T) {
	for _, c := range []struct {
		cells    []string
		layout   string
		decimals int
		step     float64
	}{
		{[]string{"2024-01-02", "2024-05-06"}, "2006-01-02", 0, 86400},
		{[]string{"2024-01-02 10:00", "2024-05-06 11:30"}, "2006-01-02 15:04", 0, 60},
		{[]string{"2024-01-02T10:00:00.25", "2024-01-02T10:00:03.5"}, "2006-01-02T15:04:05", 2, 1e-3},
		{[]string{"01/02/2024", "03/04/2024"}, "01/02/2006", 0, 86400},
		{[]string{"01/02/2024", "31/04/2024", "13/01/2024"}, "", 0, 0},
		{[]string{"01/02/2024", "30/04/2024", "13/01/2024"}, "02/01/2006", 0, 86400},
		{[]string{"2024-01-02T10:00:00+02:00", "2024-01-02T08:00:01Z"}, "2006-01-02T15:04:05Z07:00", 0, 1},
	} {
		got, _, err := inferColumn(t, InferOptions{}, c.cells...)
		if err != nil || got.Layout != c.layout || got.Decimals != c.decimals || got.Step != c.step {
			t.Errorf("%q: %q, %d, %v, %v", c.cells, got.Layout, got.Decimals, got.Step, err)
		}
		if c.layout == "" {
			continue
		}
		for _, cell := range c.cells {
			x, err := got.Encode(cell)
			if err != nil || math.Abs(x) > 3 {
				t.Errorf("%s: %v, %v", cell, x, err)
			}
			back, err := got.Decode(x)
			if again, _ := got.Encode(back); err != nil || math.Abs(again-x) > 1e-9 {
				t.Errorf("%s comes back as %s, %v", cell, back, err)
			}
		}
	}
	// Days before months, as later rows tell: no value is left of the other reading.
	dates := many(200, func(i int) string { return fmt.Sprintf("%02d/12/2024", 1+i/100*12+i%16) })
	days, _, err := inferColumn(t, InferOptions{MaxCategories: 10}, dates...)
	if december := 1733011200.0; err != nil || days.Layout != "02/01/2006" || days.Offset < december || days.Scale > 31*86400 {
		t.Errorf("days before months: %+v, %v", days, err)
	}
	lax, _, err := inferColumn(t, InferOptions{Given: &Schema{Columns: []Column{{Name: "x", Kind: Time, OnUnknown: TakeMissing}}}}, "2024-01-02", "2024-05-06")
	if err != nil || !lax.Missing {
		t.Errorf("what is no time is missing, and the column has no missing cells: %+v, %v", lax, err)
	}
	got, _, err := inferColumn(t, InferOptions{Given: &Schema{Columns: []Column{{Name: "x", Kind: Time, Layout: "20060102"}}}}, "20240229", "20240301")
	if err != nil || got.Kind != Time || got.Step != 86400 {
		t.Errorf("a given layout: %+v, %v", got, err)
	}
}

// TestGiven: what is given stays; what the data has not is an error.
func TestGiven(t *testing.T) {
	given := &Schema{
		Columns: []Column{{Name: "x", Kind: Category}},
		LeftOut: []LeftOut{{Name: "stays"}},
	}
	i, err := NewInference([]string{"x", "stays"}, InferOptions{Given: given})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 50 {
		if err := i.Add([]string{strconv.Itoa(k), "a"}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := i.Schema()
	if err != nil || len(s.Columns) != 1 || len(s.Columns[0].Categories) != 50 || s.LeftOut[0] != (LeftOut{"stays", "as given"}) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, given := range []*Schema{{Columns: []Column{{Name: "y"}}}, {LeftOut: []LeftOut{{Name: "y"}}}} {
		if _, err := NewInference([]string{"x"}, InferOptions{Given: given}); !errors.Is(err, ErrColumns) {
			t.Error(err)
		}
	}
	if _, err := NewInference([]string{"x", "x"}, InferOptions{}); !errors.Is(err, ErrColumns) {
		t.Error(err)
	}
	if i, _ := NewInference([]string{"x"}, InferOptions{}); i != nil {
		if _, err := i.Schema(); !errors.Is(err, ErrInput) {
			t.Error(err)
		}
	}
}

// TestBoundedMemory: of many rows, as much is kept as is said.
func TestBoundedMemory(t *testing.T) {
	i, err := NewInference([]string{"x", "y"}, InferOptions{Sample: 100, MaxCategories: 10})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 5000 {
		if err := i.Add([]string{strconv.Itoa(k * 7 % 5000), "t" + strconv.Itoa(k)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range i.columns {
		if len(c.sample) > 100 || len(c.counts) > 10 {
			t.Errorf("%d numbers and %d texts are kept", len(c.sample), len(c.counts))
		}
	}
	mean := 0.0
	for _, v := range i.columns[0].sample {
		mean += v / 100
	}
	if math.Abs(mean-2500) > 500 { // 3.5 standard errors
		t.Errorf("the mean of the sample is %g", mean)
	}
	if i.Missing("x") != 0 || i.Add([]string{"", "t"}) != nil || i.Missing("x") != 1 || i.Missing("none") != 0 || i.Rows() != 5001 {
		t.Errorf("%d of %d cells are missing", i.Missing("x"), i.Rows())
	}
}
