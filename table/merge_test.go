// Parts of a table, seen apart and in any order, make the schema of the whole.

package table

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"testing"

	"github.com/bijou-flow/bijou/internal/testkit"
)

// wide are rows with a column of every kind, and of every trap: whole numbers that count,
// times whose day and month are told apart late, numbers of more decimals late,
// identifiers, a text of few rows.
func wide(n int) (names []string, rows [][]string) {
	rng := testkit.NewRand(4)
	names = []string{"count", "size", "kind", "on", "when", "late", "id", "half", "hour", "empty", "round"}
	for k := range n {
		day := 1 + rng.IntN(12)
		if k > n/2 {
			day = 13 + rng.IntN(15)
		}
		half := ""
		if rng.IntN(2) == 0 {
			half = strconv.Itoa(rng.IntN(3))
		}
		size := strconv.FormatFloat(rng.NormFloat64(), 'f', 1+k*4/n, 64)
		rows = append(rows, []string{
			strconv.Itoa(100 + k), size, []string{"a", "b", "c"}[rng.IntN(3)], []string{"no", "yes"}[rng.IntN(2)],
			fmt.Sprintf("%02d/%02d/%d 10:%02d", day, 1+rng.IntN(12), 1900+rng.IntN(200), rng.IntN(60)),
			strconv.FormatFloat(rng.Float64()*1e3, 'g', -1, 64), "x" + strconv.Itoa(k), half,
			fmt.Sprintf("2024-05-%02d %02d:00", 1+rng.IntN(28), rng.IntN(24)), "", strconv.Itoa(10 * rng.IntN(500)),
		})
	}
	return names, rows
}

// inferred is the inference of rows from..to as a part.
func inferred(t *testing.T, names []string, rows [][]string, o InferOptions) *Inference {
	t.Helper()
	i := testkit.Must(NewInference(names, o))
	for _, r := range rows {
		if err := i.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// carried is an inference that went to another process.
func carried(t *testing.T, i *Inference, names []string, o InferOptions) *Inference {
	t.Helper()
	j := testkit.Must(NewInference(names, o))
	if err := j.UnmarshalBinary(testkit.Must(i.MarshalBinary())); err != nil {
		t.Fatal(err)
	}
	return j
}

// TestMerge: whatever the parts and their order, the schema is that of all rows at once.
func TestMerge(t *testing.T) {
	names, rows := wide(1200)
	for _, o := range []InferOptions{{}, {MaxCategories: 40}, {MaxCategories: 40, Given: &Schema{LeftOut: []LeftOut{{Name: "late"}}}}} {
		whole := inferred(t, names, rows, o)
		want := testkit.Must(whole.Schema())
		for _, cuts := range [][]int{{0, 1, 1200}, {0, 500, 501, 900, 1200}, {0, 0, 700, 1200, 1200}} {
			parts := len(cuts) - 1
			for turn := range parts {
				var all *Inference
				for k := range parts {
					p := o
					p.Part = (k + turn) % parts
					i := carried(t, inferred(t, names, rows[cuts[p.Part]:cuts[p.Part+1]], p), names, p)
					if all == nil {
						all = i
					} else if err := all.Merge(i); err != nil {
						t.Fatal(err)
					}
				}
				if got := testkit.Must(all.Schema()); !reflect.DeepEqual(got, want) {
					t.Errorf("categories %d, parts %v from %d on:\n%+v\nwant\n%+v", o.MaxCategories, cuts, turn, got, want)
				}
				if all.Rows() != whole.Rows() || all.Missing("half") != whole.Missing("half") {
					t.Errorf("%d rows, %d missing, want %d and %d", all.Rows(), all.Missing("half"), whole.Rows(), whole.Missing("half"))
				}
			}
		}
	}
	s := testkit.Must(inferred(t, names, rows, InferOptions{MaxCategories: 40}).Schema())
	if i := s.Index("when"); i < 0 || s.Columns[i].Layout != "02/01/2006 15:04" || s.Columns[i].Scale < 1e8 {
		t.Errorf("times whose month comes second: %+v", s.Columns)
	}
}

// TestMergeSample: a sample of more rows than it holds is the same in any order, and of
// all parts; it is that of one machine that reads part by part.
func TestMergeSample(t *testing.T) {
	names := []string{"x"}
	rng := testkit.NewRand(5)
	parts := make([][][]string, 3)
	for k := range parts {
		for range 2000 * (k + 1) {
			parts[k] = append(parts[k], []string{strconv.FormatFloat(float64(k)+rng.Float64(), 'g', -1, 64)})
		}
	}
	o := InferOptions{Sample: 600, MaxCategories: 10}
	var first *Schema
	for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}} {
		var all *Inference
		for _, k := range order {
			p := o
			p.Part = k
			i := inferred(t, names, parts[k], p)
			if all == nil {
				all = i
			} else if err := all.Merge(i); err != nil {
				t.Fatal(err)
			}
		}
		got := testkit.Must(all.Schema())
		if first == nil {
			first = got
		}
		if !reflect.DeepEqual(got, first) {
			t.Errorf("parts in the order %v: %+v, want %+v", order, got, first)
		}
		counts := [3]int{}
		for _, v := range all.columns[0].sample {
			counts[int(v)]++
		}
		// 100, 200 and 300 are expected, with deviations of 9 to 12.
		if len(all.columns[0].sample) != 600 || counts[0] < 60 || counts[0] > 140 || counts[2] < 250 || counts[2] > 350 {
			t.Errorf("the sample has %v of the parts", counts)
		}
	}
}

// TestMergeRefuses: parts that are no parts of one table.
func TestMergeRefuses(t *testing.T) {
	make := func(part int, names ...string) *Inference {
		return testkit.Must(NewInference(names, InferOptions{Part: part}))
	}
	if err := make(0, "a").Merge(make(0, "a")); !errors.Is(err, ErrSchema) {
		t.Errorf("a part twice: %v", err)
	}
	if err := make(0, "a").Merge(make(1, "b")); !errors.Is(err, ErrColumns) {
		t.Errorf("other columns: %v", err)
	}
	other := testkit.Must(NewInference([]string{"a"}, InferOptions{Part: 1, Seed: 2}))
	if err := make(0, "a").Merge(other); !errors.Is(err, ErrSchema) {
		t.Errorf("another seed: %v", err)
	}
	if _, err := NewInference([]string{"a"}, InferOptions{Part: -1}); !errors.Is(err, ErrSchema) {
		t.Errorf("part -1: %v", err)
	}
	if err := make(0, "a").UnmarshalBinary([]byte("text")); !errors.Is(err, ErrInput) {
		t.Errorf("a text: %v", err)
	}
	if err := make(0, "a").UnmarshalBinary(testkit.Must(make(0, "b").MarshalBinary())); !errors.Is(err, ErrColumns) {
		t.Errorf("bytes of other columns: %v", err)
	}
	// The row of a text among numbers is that of the whole table.
	var rows [][]string
	for k := range 200 {
		rows = append(rows, []string{strconv.Itoa(k * k)})
	}
	bad := append(rows[:0:0], rows...)
	bad[7] = []string{"seven"}
	late := inferred(t, []string{"a"}, bad, InferOptions{Part: 3})
	if err := late.Merge(inferred(t, []string{"a"}, rows, InferOptions{Part: 1})); err != nil {
		t.Fatal(err)
	}
	var e *CellError
	if _, err := late.Schema(); !errors.As(err, &e) || e.Row != 208 {
		t.Errorf("a text in row 8 behind 200 others: %v", err)
	}
}
