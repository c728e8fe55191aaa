// A report in words.

package posterior

import (
	"fmt"
	"strings"
)

// String is the report as text: a line for each parameter and for each of the
// coverages, with what its ranks say where they are uneven beyond chance.
func (r *Report) String() string {
	var b strings.Builder
	checks := len(r.Parameters) + 2
	fmt.Fprintf(&b, "%d pairs, %d draws each; p-values of ranks that should be uniform\n", len(r.Density.Of), r.Density.Draws)
	for j, ranks := range r.Parameters {
		fmt.Fprintf(&b, "  parameter %-3d  p %.3f  %s\n", j, ranks.PValue(), ranks.verdict(checks))
	}
	for _, line := range []struct {
		name string
		Ranks
	}{{"density", r.Density}, {"distance", r.Distance}} {
		fmt.Fprintf(&b, "  %-13s  p %.3f  coverage of 50, 90, 95 %%: %.1f, %.1f, %.1f %%\n", line.name, line.PValue(),
			100*line.Coverage(0.5), 100*line.Coverage(0.9), 100*line.Coverage(0.95))
	}
	return b.String()
}

// verdict says how the ranks of a parameter are uneven, one of several checks
// that each have their share of a false alarm in twenty reports.
func (r Ranks) verdict(checks int) string {
	if r.PValue() >= 0.05/float64(checks) {
		return "even"
	}
	mean, deviation := r.moments()
	words := []string{}
	switch {
	case mean > 0.55:
		words = append(words, "draws lie too low")
	case mean < 0.45:
		words = append(words, "draws lie too high")
	}
	switch {
	case deviation > 1.05:
		words = append(words, "draws are too narrow")
	case deviation < 0.95:
		words = append(words, "draws are too wide")
	}
	if len(words) == 0 {
		return "uneven"
	}
	return strings.Join(words, ", ")
}
