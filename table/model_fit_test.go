// What a fit asks of training.

package table

import (
	"errors"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/train"
)

// TestTrainOptions: where a fit holds no rows out to validate, training holds none out.
func TestTrainOptions(t *testing.T) {
	f := &fitting[float32]{schema: &Schema{}, report: &FitReport{Train: 1000}}
	if o := f.trainOptions(0, nil); o.ValidationFraction != train.NoValidation || o.Validation != nil || o.Patience != 0 {
		t.Errorf("without rows to validate: %+v", o)
	}
	valid := []int{7}
	if o := f.trainOptions(0, valid); o.ValidationFraction != 0 || o.Validation == nil || o.Patience != fitPatience {
		t.Errorf("with a row to validate: %+v", o)
	}
	f.o.Patience = 1
	if o := f.trainOptions(0, valid); o.Patience != 1 {
		t.Errorf("patience %d, 1 was asked for", o.Patience)
	}
}

// TestFolds: members end their training by rows of their own, none of them by one that it is
// trained on, and rows that calibrate are in no fold.
func TestFolds(t *testing.T) {
	for _, c := range []struct {
		validation float64
		folds      int
	}{{0, 9}, {0.25, 3}, {-1, 0}} {
		f := &fitting[float32]{o: FitOptions{Validation: c.validation}, report: &FitReport{}}
		if err := f.split(100); err != nil {
			t.Fatal(err)
		}
		judged := map[int]int{}
		for k := range 9 {
			valid, trained := f.fold(k)
			all := slices.Concat(valid, trained, f.held)
			slices.Sort(all)
			if !slices.Equal(all, sequence(100)) || len(valid) != f.report.Validation || len(trained) != f.report.Train {
				t.Errorf("a validation of %v, member %d: %d rows to validate, %d to train on, %d held, not all once", c.validation, k, len(valid), len(trained), len(f.held))
			}
			for _, row := range valid {
				judged[row]++
			}
		}
		want := c.folds * f.report.Validation
		if len(judged) != want {
			t.Errorf("a validation of %v: %d rows end a training of nine, want %d", c.validation, len(judged), want)
		}
	}
}

// TestDefaultMembers: a small table has several, and one that would take long has not.
func TestDefaultMembers(t *testing.T) {
	for _, c := range [][3]int{{10, 1, 5}, {2000, 30, 5}, {2000, 31, 1}, {2001, 1, 1}, {1400, 1555, 1}} {
		if got := (FitOptions{}).defaultMembers(c[0], c[1]); got != c[2] {
			t.Errorf("%d rows of %d columns: %d members, want %d", c[0], c[1], got, c[2])
		}
	}
	if got := (FitOptions{Trim: 0.1}).defaultMembers(10, 1); got != 1 {
		t.Errorf("with rows to trim: %d members, want 1", got)
	}
}

func sequence(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
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
