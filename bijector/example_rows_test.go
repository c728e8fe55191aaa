// Runnable examples: batches of rows.

package bijector_test

import (
	"fmt"
	"log"

	"github.com/bijou-flow/bijou/bijector"
)

// Rows to fill in, and to read: slices of their own memory.
func ExampleNewRows() {
	x := bijector.NewRows[float32](3, 2)
	for i := range x.Len() {
		x.Row(i)[0], x.Row(i)[1] = float32(i), float32(i*i)
	}
	fmt.Println(x.Shape(), x.Row(2), x.Values())
	// Output: (3, 2) [2 4] [0 0 1 1 2 4]
}

// Rows of what is there already.
func ExampleRowsOfSlices() {
	x, err := bijector.RowsOfSlices([][]float64{{1, 2}, {3, 4}, {5, 6}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Len(), "rows of", x.Dim())
	_, err = bijector.RowsOfSlices([][]float64{{1, 2}, {3}})
	fmt.Println(err)
	// Output:
	// 3 rows of 2
	// bijou: row 1 has 1 values, the first has 2: wrong shape
}

// The author of an encoder takes any tensor, and gets a batch, feature by feature.
func ExampleInputOf() {
	x, err := bijector.RowsOf([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	input, err := bijector.InputOf[float32](x, 2)
	if err != nil {
		log.Fatal(err)
	}
	m := bijector.NewMat[float32](2, input.Len())
	input.Load(m, 0) // from row 0 on
	fmt.Println(m.Feature(0), m.Feature(1))
	// Output: [1 3 5] [2 4 6]
}
