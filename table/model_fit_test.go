// What a fit asks of training.

package table

import (
	"errors"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// TestTrainOptions: where a fit holds no rows out to validate, training holds none out.
func TestTrainOptions(t *testing.T) {
	f := &fitting[float32]{schema: &Schema{}, train: make([]int, 1000)}
	if o := f.trainOptions(0); o.ValidationFraction != train.NoValidation || o.Validation != nil || o.Patience != 0 {
		t.Errorf("without rows to validate: %+v", o)
	}
	f.valid = []int{7}
	if o := f.trainOptions(0); o.ValidationFraction != 0 || o.Validation == nil || o.Patience != fitPatience {
		t.Errorf("with a row to validate: %+v", o)
	}
	f.o.Patience = 1
	if o := f.trainOptions(0); o.Patience != 1 {
		t.Errorf("patience %d, 1 was asked for", o.Patience)
	}
}

// TestSomeRows are rows by their places among those that were not trimmed.
func TestSomeRows(t *testing.T) {
	rows := someRows{MemoryRows(1, []float64{10, 11, 12, 13}), []int{3, 1}}
	got := make([]float64, 2)
	if err := rows.Codes(got, []int{1, 0}); err != nil || got[0] != 11 || got[1] != 13 {
		t.Errorf("%v, %v", got, err)
	}
	for _, row := range []int{-1, 2} {
		if err := rows.Codes(got, []int{row, 0}); !errors.Is(err, bijector.ErrShape) {
			t.Errorf("row %d of 2: %v", row, err)
		}
	}
}
