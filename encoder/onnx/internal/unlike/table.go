// AUROC, and the table of it.

package unlike

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
)

// AUROC is the probability that a row of odd has a larger score than one of
// usual, ties counted half.
func AUROC(usual, odd []float64) float64 {
	type scored struct {
		score float64
		odd   bool
	}
	var all []scored
	for _, s := range usual {
		all = append(all, scored{s, false})
	}
	for _, s := range odd {
		all = append(all, scored{s, true})
	}
	slices.SortFunc(all, func(a, b scored) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		}
		return 0
	})
	wins, below := 0.0, 0.0
	for i := 0; i < len(all); {
		j, here, odds := i, 0.0, 0.0
		for ; j < len(all) && all[j].score == all[i].score; j++ {
			if all[j].odd {
				odds++
			} else {
				here++
			}
		}
		wins += odds * (below + here/2)
		below += here
		i = j
	}
	return wins / float64(len(usual)) / float64(len(odd))
}

// Group is rows that are unlike the usual ones in one way.
type Group struct {
	Name string
	Rows *bijector.Rows[float32]
}

// Table collects AUROCs by group, score and seed.
type Table struct {
	scores []string
	groups []string
	cells  map[[2]string][]float64
}

// Add scores held-out usual rows and the groups with what was fitted under one
// seed.
func (t *Table) Add(scores []Score, heldOut *bijector.Rows[float32], groups []Group) error {
	if t.cells == nil {
		t.cells = map[[2]string][]float64{}
	}
	for _, s := range scores {
		usual, err := s.Of(heldOut)
		if err != nil {
			return err
		}
		if !slices.Contains(t.scores, s.Name) {
			t.scores = append(t.scores, s.Name)
		}
		for _, g := range groups {
			odd, err := s.Of(g.Rows)
			if err != nil {
				return err
			}
			if !slices.Contains(t.groups, g.Name) {
				t.groups = append(t.groups, g.Name)
			}
			key := [2]string{g.Name, s.Name}
			t.cells[key] = append(t.cells[key], AUROC(usual, odd))
		}
	}
	return nil
}

// Write prints the table in Markdown, the seeds of a cell side by side.
func (t *Table) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| unlike | %s |\n|---|%s\n", strings.Join(t.scores, " | "), strings.Repeat("---|", len(t.scores)))
	for _, g := range t.groups {
		fmt.Fprintf(&b, "| %s |", g)
		for _, s := range t.scores {
			var seeds []string
			for _, v := range t.cells[[2]string{g, s}] {
				seeds = append(seeds, fmt.Sprintf("%.3f", v))
			}
			fmt.Fprintf(&b, " %s |", strings.Join(seeds, ", "))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Take is the rows of x at the given places.
func Take(x *bijector.Rows[float32], places []int) *bijector.Rows[float32] {
	y := bijector.NewRows[float32](len(places), x.Dim())
	for i, p := range places {
		copy(y.Row(i), x.Row(p))
	}
	return y
}
