// Ties: columns of the training set in which values repeat.

package train

import (
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/columns"
)

// ColumnTies tells of a column in which values repeat. As far as they do it has
// masses and no density: the likelihood of a flow grows there without bound, on
// validation rows that share the values too, and its draws miss the values.
// Ways on are Options.Noise of the size of Step, Dequantize for whole numbers, and
// package table, which models masses as such.
type ColumnTies struct {
	Column   int     // counted from 0
	Rows     int     // that were looked at
	Distinct int     // different values among them
	Value    float64 // the commonest
	Share    float64 // of the rows, that have it
	// Step is the grid that all values lie on, the coarsest power of ten from 1 to
	// 1e-6 of which they are multiples; 0: none.
	Step float64
}

// tiedValues bounds the values that are looked at.
const tiedValues = 1 << 20

// TiesOf are the columns of x, features by samples, in which values repeat: where
// fewer than half of the rows have a value of their own, or one value is that of
// more than a hundredth of the rows and more than three. Of many rows, some that
// are spread evenly are looked at.
func TiesOf[T bijector.Float](x bijector.Mat[T]) []ColumnTies {
	if x.Empty() {
		return nil
	}
	n := min(x.N, max(tiedValues/x.D, 256))
	var all []ColumnTies
	values := make([]float64, n)
	for j := range x.D {
		f := x.Feature(j)
		for i := range values {
			values[i] = float64(f[i*x.N/n])
		}
		if t := columns.TiesOf(values); 2*t.Distinct < n || t.Share > max(0.01, 3/float64(n)) {
			all = append(all, ColumnTies{Column: j, Rows: n, Distinct: t.Distinct, Value: t.Value, Share: t.Share, Step: t.Step})
		}
	}
	return all
}
