// Batches, the order of an epoch, the split, and the rows for calibration.

package train

import (
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/testkit"
)

// numbered is a source whose row i is (i, -i), with context (10 i).
func numbered(n int) *TensorSource {
	x, c := make([]float64, 2*n), make([]float64, n)
	for i := range n {
		x[2*i], x[2*i+1], c[i] = float64(i), -float64(i), 10*float64(i)
	}
	return Tensor(testkit.Rows(x, n, 2)).Given(tensor.New(tensor.WithShape(n, 1), tensor.WithBacking(c)))
}

func TestBatchesAreEqualAndCoverEachRowOnce(t *testing.T) {
	for _, c := range []struct {
		n, batch int
		sizes    []int
	}{
		{1, 100, []int{1}},
		{100, 100, []int{100}},
		{101, 100, []int{50, 51}},
		{10, 4, []int{3, 3, 4}},
		{11, 4, []int{3, 4, 4}},
		{12, 4, []int{4, 4, 4}},
		{7, 1, []int{1, 1, 1, 1, 1, 1, 1}},
		{5, 1000, []int{5}},
	} {
		l, err := newLoader[float64]("data", numbered(c.n), c.batch)
		if err != nil {
			t.Fatal(err)
		}
		l.shuffle(3, 1)
		var sizes, seen []int
		for b := range l.batches {
			x, cond, err := l.load(b)
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, x.N)
			for i, v := range x.Feature(0) {
				if x.Feature(1)[i] != -v || cond.Feature(0)[i] != 10*v || cond.N != x.N {
					t.Errorf("%d rows in batches of %d: row %g came with %g and context %g", c.n, c.batch, v, x.Feature(1)[i], cond.Feature(0)[i])
				}
				seen = append(seen, int(v))
			}
		}
		if !slices.Equal(slices.Sorted(slices.Values(sizes)), c.sizes) {
			t.Errorf("%d rows in batches of %d: sizes %v, want %v in some order", c.n, c.batch, sizes, c.sizes)
		}
		if slices.Sort(seen); !slices.Equal(seen, ascending(c.n)) {
			t.Errorf("%d rows in batches of %d: read %v", c.n, c.batch, seen)
		}
	}
}

func ascending(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func TestShuffleDependsOnSeedAndEpochAlone(t *testing.T) {
	order := func(seed uint64, epochs ...int) []int {
		l, err := newLoader[float64]("data", numbered(200), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range epochs {
			l.shuffle(seed, e)
		}
		return slices.Clone(l.order)
	}
	base := order(1, 3)
	if !slices.Equal(base, order(1, 1, 2, 3)) {
		t.Error("the order of epoch 3 depends on the epochs before it")
	}
	if slices.Equal(base, ascending(200)) || !slices.Equal(slices.Sorted(slices.Values(base)), ascending(200)) {
		t.Errorf("no shuffled permutation: %v", base)
	}
	for _, other := range [][]int{order(1, 2), order(1, 4), order(2, 3)} {
		same := 0
		for i, v := range other {
			if v == base[i] {
				same++
			}
		}
		if same > 10 { // 1 on average
			t.Errorf("%d of 200 rows are at the same place for another seed or epoch", same)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		n        int
		fraction float64
		held     int
	}{{100, 0.1, 10}, {10, 0.25, 3}, {10, 0.24, 2}, {2, 0.01, 1}, {2, 0.99, 1}, {3, 0.999, 2}} {
		kept, held := splitSource(numbered(c.n), c.fraction, 5)
		a, b := kept.(*subset).rows, held.(*subset).rows
		if len(b) != c.held || held.Len() != c.held || kept.Len() != c.n-c.held {
			t.Errorf("%d rows, fraction %g: %d trained on and %d held out, want %d held out", c.n, c.fraction, kept.Len(), held.Len(), c.held)
		}
		if both := slices.Sorted(slices.Values(slices.Concat(a, b))); !slices.Equal(both, ascending(c.n)) {
			t.Errorf("%d rows, fraction %g: %v and %v are no partition", c.n, c.fraction, a, b)
		}
	}
	rows := func(seed uint64) []int {
		_, held := splitSource(numbered(100), 0.3, seed)
		return held.(*subset).rows
	}
	if !slices.Equal(rows(1), rows(1)) || slices.Equal(rows(1), rows(2)) {
		t.Error("the split does not follow the seed")
	}
	if slices.Max(rows(1)) < 60 || slices.IsSorted(rows(1)) {
		t.Errorf("rows held out look undrawn: %v", rows(1))
	}
}

// Calibration sees all rows of a small set, and evenly spread ones of a large
// set, of a split as well.
func TestReadSpread(t *testing.T) {
	const n = 5000
	for _, limit := range []int{0, 1, 7, 1024, 1025, 2500, n, 2 * n} {
		x, cond, err := readEvenlySpaced[float64](numbered(n), limit)
		if err != nil {
			t.Fatal(err)
		}
		k := min(max(limit, 1), n)
		if x.N != k || cond.N != k {
			t.Fatalf("limit %d: %d rows and %d contexts, want %d", limit, x.N, cond.N, k)
		}
		for i, v := range x.Feature(0) {
			if want := float64(i * n / k); v != want || cond.Feature(0)[i] != 10*v {
				t.Fatalf("limit %d: row %d of the sample is %g with context %g, want row %g", limit, i, v, cond.Feature(0)[i], want)
			}
		}
	}
	kept, _ := splitSource(numbered(100), 0.2, 1)
	x, _, err := readEvenlySpaced[float64](kept, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range x.Feature(0) {
		if int(v) != kept.(*subset).rows[i] {
			t.Fatalf("row %d of the training part is %g, want %d", i, v, kept.(*subset).rows[i])
		}
	}
}
