// Data that no density describes: columns that are constant, repeated, or
// follow from the others.

package flow

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/columns"
	"github.com/bijou-flow/bijou/internal/random"
)

// ErrDegenerate: the rows lie in fewer dimensions than they have values, where
// the density of a flow grows without bound.
var ErrDegenerate = errors.New("degenerate data")

const (
	// minResidual is the share of a column's variance that the other columns do
	// not explain, below which a regression on the rows themselves decides.
	minResidual = 1e-10
	// maxRoundingResidual bounds what rounding may leave of a dependent column:
	// values with few digits behind a large mean are correlated, not dependent.
	maxRoundingResidual = 1e-6
	// maxColumns is the number of columns among which linear combinations are
	// looked for; among more, only columns that are equal.
	maxColumns = 512
	// minExcessRows is by how much rows have to outnumber columns before a coincidence
	// says something about them.
	minExcessRows = 16
)

// CheckData names the columns of a training set that are constant or follow from
// those before them, where the likelihood of a density has no maximum: it returns
// ErrDegenerate. Training asks before its first step.
func (d *densityModel[T]) CheckData(x bijector.Mat[T]) error {
	all := columns.Describe(x)
	var findings []string
	for j, c := range all {
		if c.IsConstant() {
			findings = append(findings, fmt.Sprintf("column %d (of %d, counted from 0) is %v in all rows", j, x.D, x.Feature(j)[0]))
		}
	}
	switch {
	case x.N < x.D+minExcessRows:
	case x.D > maxColumns:
		findings = append(findings, equalColumns(x, all)...)
	default:
		findings = append(findings, dependentColumns(x, all)...)
	}
	if len(findings) == 0 {
		return nil
	}
	them, more := "it", ""
	if n := len(findings); n > 1 {
		them = "them"
		if n > maxFindings {
			findings, more = findings[:maxFindings], fmt.Sprintf("; and %d columns more", n-maxFindings)
		}
	}
	return fmt.Errorf("flow: %s%s; a density is not finite there; drop %s, or set train.Options.Noise: %w", strings.Join(findings, "; "), more, them, ErrDegenerate)
}

// maxFindings is how many columns an error names one by one.
const maxFindings = 20

// CheckData asks the base where it is a bijector.DataChecker and the layer only
// reorders features: a distribution with atoms is fitted to rows that have no
// density. Otherwise it names the columns that are constant or follow from
// those before them, where the likelihood has no maximum, by ErrDegenerate.
// Training asks before its first step.
func (f *Flow[T]) CheckData(x bijector.Mat[T]) error {
	if !f.asksBase() {
		return f.densityModel.CheckData(x)
	}
	z, order := x, f.layer.(bijector.Reorderer).Indices()
	if !slices.IsSorted(order) {
		z = bijector.NewMat[T](x.D, x.N)
		for j, k := range order {
			copy(z.Feature(j), x.Feature(k))
		}
	}
	return f.base.(bijector.DataChecker[T]).CheckData(z)
}

// asksBase tells whether the base says which data there is a density for.
func (f *Flow[T]) asksBase() bool {
	_, isChecker := f.base.(bijector.DataChecker[T])
	_, reorders := f.layer.(bijector.Reorderer)
	return isChecker && reorders
}

// CheckData asks the flows whose bases say which data they are for, and otherwise
// is that of a density.
func (e *Ensemble[T]) CheckData(x bijector.Mat[T]) error {
	for k, f := range e.flows {
		if !f.asksBase() {
			return e.densityModel.CheckData(x)
		}
		if err := f.CheckData(x); err != nil {
			return fmt.Errorf("flow %d: %w", k, err)
		}
	}
	return nil
}

// equalColumns are those that hold the values of an earlier one, found by their
// sums of bits.
func equalColumns[T bijector.Float](x bijector.Mat[T], all []columns.Column) (findings []string) {
	seen := map[uint64]int{}
	for j := range x.D {
		if all[j].IsConstant() {
			continue
		}
		h := uint64(0)
		for _, v := range x.Feature(j) {
			h = random.Mix(h ^ math.Float64bits(float64(v)))
		}
		if i, ok := seen[h]; ok && slices.Equal(x.Feature(i), x.Feature(j)) {
			findings = append(findings, dependence(j, []int{i}))
			continue
		}
		seen[h] = j
	}
	return findings
}

// dependence says what a column is of others that explain it.
func dependence(j int, others []int) string {
	names := make([]string, len(others))
	for k, i := range others {
		names[k] = fmt.Sprint(i)
	}
	what := "a multiple of column"
	if len(others) > 1 {
		what = "a linear combination of columns"
	}
	return fmt.Sprintf("column %d (counted from 0) is %s %s, up to a constant, in all rows", j, what, strings.Join(names, ", "))
}

// dependentColumns factors the correlation matrix of some rows, C = L L^T, column
// by column. What is left of column j after regression on those before it has
// the variance L_jj^2; where that is next to nothing, the regression is done
// again on the rows themselves, and compared with all of them: the column is
// dependent where no more is left than the digits of the data account for. Two
// times that are a minute apart within a year are not. A column that is dependent,
// or constant, is left out of the factor.
func dependentColumns[T bijector.Float](x bijector.Mat[T], all []columns.Column) (findings []string) {
	d := x.D
	k := min(x.N, 4*d+256)
	z := make([]float64, d*k) // some rows, standardised, a column after the other
	for j := range d {
		f, c := x.Feature(j), all[j]
		if c.IsConstant() {
			continue
		}
		for i := range k {
			z[j*k+i] = (float64(f[i*x.N/k]) - c.Mean) / c.Deviation
		}
	}
	l, precise := make([]float64, d*d), orthogonalisation{z: z, k: k}
	for j := range d {
		if all[j].IsConstant() {
			continue
		}
		limit := min(minResidual+sq(4*all[j].Rounding), maxRoundingResidual)
		row := l[j*d:]
		for i := 0; i <= j; i++ {
			s := dot(z[i*k:][:k], z[j*k:][:k])/float64(k) - dot(l[i*d:][:i], row[:i])
			switch {
			case i < j && l[i*d+i] > 0:
				row[i] = s / l[i*d+i]
			case i == j && s > limit:
				row[j] = math.Sqrt(s)
			case i == j && j > 0:
				left := precise.upTo(j)
				b := precise.coefficients(j)
				if residual(x, all, b, j) <= min(sq(4*resolution(x, all, b, j)), maxRoundingResidual) {
					findings = append(findings, dependence(j, largestCoefficients(b, j)))
					precise.q[j] = nil // later columns are not explained by this one
					continue
				}
				row[j] = math.Sqrt(left) // 0, out of the factor, where other rows alone speak for it
			}
		}
	}
	return findings
}

// largestCoefficients are the columns that a regression is made of, at most five of them, in
// their order.
func largestCoefficients(b []float64, j int) []int {
	all := make([]int, j)
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(p, q int) int {
		switch a, c := math.Abs(b[p]), math.Abs(b[q]); {
		case a > c:
			return -1
		case a < c:
			return 1
		}
		return 0
	})
	n := 1
	for n < min(len(all), 5) && math.Abs(b[all[n]]) > 1e-4*math.Abs(b[all[0]]) {
		n++
	}
	all = all[:n]
	slices.Sort(all)
	return all
}

func dot(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func sq(v float64) float64 { return v * v }
