// Runnable example: a column of a table, described by its values.

package autoregressive_test

import (
	"fmt"
	"log"

	"github.com/bijou-flow/bijou/autoregressive"
)

// A column that is 0 in most rows, and a number otherwise.
func ExampleFitMixedColumn() {
	values := []float64{0, 0, 0, 0, 0, 0, 1.2, 0.8, 3.1, 2.2}
	c, err := autoregressive.FitMixedColumn(autoregressive.MixedColumn{Atoms: []float64{0}, Continuous: true}, values)
	if err != nil {
		log.Fatal(err)
	}
	share := c.Shares[0] / (c.Shares[0] + c.Shares[1])
	fmt.Printf("zero in %.0f %% of the rows, a margin for the rest: %v\n", 100*share, c.Margin != nil)
	// Output: zero in 59 % of the rows, a margin for the rest: true
}
