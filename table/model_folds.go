// Which rows a fit holds out, and for how many members.

package table

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// A table of at most smallRows rows and smallCells cells has smallMembers members by default.
const (
	smallRows    = 2_000
	smallCells   = 60_000
	smallMembers = 5
)

// defaultMembers is how many models are averaged: several where a single one has few rows
// to learn from, which are those that are fitted soon, too. Several follow anomalies
// better than one, which Trim is not to do.
func (o FitOptions) defaultMembers(rows, columns int) int {
	if o.Trim == 0 && rows <= smallRows && rows*columns <= smallCells {
		return smallMembers
	}
	return 1
}

// split draws which rows are held out.
func (f *fitting[T]) split(n int) error {
	order := rand.New(rand.NewPCG(f.o.Seed, 0x7461626c65)).Perm(n)
	share := func(v float64) int {
		switch {
		case v < 0:
			return 0
		case v == 0:
			return min(max(n/10, 2), MostHeldOut)
		}
		return min(max(int(v*float64(n)), 1), n-2)
	}
	v, c := share(f.o.Validation), share(f.o.Calibration)
	valid := slices.Clone(order[:v])
	copy(order, order[v:v+c])
	copy(order[c:], valid)
	f.held, f.learn, f.validated = order[:c], order[c:], v
	f.report.Train, f.report.Validation, f.report.Calibrated = n-v-c, v, c
	for _, name := range f.o.First {
		j := f.schema.Index(name)
		if j < 0 || slices.Contains(f.first, j) {
			return fmt.Errorf("table: the column %s to come first is none of the schema's, or named twice: %w", quoted(name), ErrColumns)
		}
		f.first = append(f.first, j)
	}
	return nil
}

// fold deals the rows to learn from into those that end the training of member k, others for
// each member while there are others, and those that it is trained on.
func (f *fitting[T]) fold(k int) (valid, trained []int) {
	v := f.validated
	if v == 0 {
		return nil, f.learn
	}
	lo := k % (len(f.learn) / v) * v
	if valid, trained = f.learn[lo:lo+v], f.learn[v:]; lo > 0 {
		trained = slices.Concat(f.learn[:lo], f.learn[lo+v:])
	}
	return valid, trained
}
