// When the chains behind conditional densities have converged.

package flow

import (
	"math"
	"testing"
)

// TestDiagnoseHalves: chains that stand somewhere else in their second half have not
// converged, though all of them agree; R-hat is that of the halves.
func TestDiagnoseHalves(t *testing.T) {
	const half, apart = 20, 3.0
	s := &search[float64]{c: &Conditional[float64]{free: []int{0}}}
	for i := range 2 * half {
		row := make([]float64, states)
		for c := range row {
			row[c] = float64(1 - 2*(i%2)) // 1, -1, 1, ...
			if i >= half {
				row[c] += apart
			}
		}
		s.kept = append(s.kept, row)
	}
	// Of each half, n states of variance W = n/(n-1); of m means, half of them apart from
	// the others, B/n = (apart/2)^2 m/(m-1).
	n, m := float64(half), float64(2*states)
	w := n / (n - 1)
	want := math.Sqrt(((n-1)/n*w + apart*apart/4*m/(m-1)) / w)
	if got, effective := s.diagnose(); math.Abs(got-want) > 1e-12 || effective > m*n/10 {
		t.Errorf("R-hat %v and %v effective states, want %v and few of %v", got, effective, want, m*n)
	}
}
