// Report: what was tried, what it gave, and what is odd about the rows.

package auto

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

// Report is what a fit did.
type Report struct {
	Rows, Dim int
	// Folds that held-out densities come from, and the rows in them.
	Folds, HeldOut int
	// Loss is the mean of -log p over the held-out rows, in nats, by the mixture
	// of held-out densities: a little low, since its weights and the epochs were
	// chosen on these rows. Median is their median.
	Loss, Median float64
	// Gaussian is the same mean by the Gaussian fit.
	Gaussian   float64
	Candidates []Candidate
	Members    int // of the model
	// LogDensities are the held-out rows' log-densities, by which thresholds and
	// p-values are calibrated.
	LogDensities []float64
	// LeastLikely are the rows with the lowest held-out log-densities, up to
	// ten. One that is far below the others has what the density does not
	// follow: an anomaly, or a value that no other row has.
	LeastLikely []Row
	// Ties are the columns in which values repeat.
	Ties []train.ColumnTies
	// Trimmed are the rows left out by Options.Trim.
	Trimmed []int
	Time    time.Duration

	heldOut []float64 // LogDensities by row of the table; NaN: not held out
}

// Candidate is what one of them gave.
type Candidate struct {
	Name string
	// Loss is the mean of -log p over its held-out rows, and TrainLoss over the rows that
	// its runs were trained on; their difference is what it learned by heart. NaN: no run ended.
	Loss, TrainLoss float64
	Folds           int     // that it was run on
	Weight          float64 // in the mixture, all members of a candidate together
	Time            time.Duration
	Err             error // the first, where a run failed
}

// Row is a row of the data and its log-density in nats.
type Row struct {
	Row    int // counted from 0, in the data
	LogP   float64
	Excess float64 // how far below the median, in units of the median distance from it
}

const leastLikely = 10

func (s *search[T]) report(model *flow.Ensemble[T], finalists []*trial[T], used func(int) bool, logp [][]float64, v []float64) *Report {
	r := &Report{
		Rows: s.rows.n, Dim: s.rows.dim, Folds: s.folds, HeldOut: len(logp[0]), Members: len(model.Flows()),
		Gaussian: math.NaN(), Ties: train.TiesOf(s.rows.matrix()), heldOut: make([]float64, s.rows.n),
	}
	weights := make([]float64, len(finalists))
	for c, t := range finalists {
		weights[c] = t.weight
		if t == s.trials[0] {
			r.Gaussian = meanLoss(logp[c], v)
		}
	}
	terms := make([]float64, len(finalists))
	for i := range r.heldOut {
		r.heldOut[i] = math.NaN()
		if !used(i) {
			continue
		}
		l := mixed(terms, logp, weights, len(r.LogDensities))
		r.heldOut[i] = l
		r.LogDensities = append(r.LogDensities, l)
		r.LeastLikely = append(r.LeastLikely, Row{Row: s.rows.ids[i], LogP: l})
	}
	r.Loss = meanLoss(r.LogDensities, v)
	r.rank()
	for _, t := range s.trials {
		r.Candidates = append(r.Candidates, s.summary(t))
	}
	return r
}

// summary is what the runs of a trial gave.
func (s *search[T]) summary(t *trial[T]) Candidate {
	c := Candidate{Name: t.name, Weight: t.weight, Loss: math.NaN(), TrainLoss: math.NaN()}
	if t.size > 0 {
		c.Name = fmt.Sprintf("%s, %d components", t.name, t.size)
	}
	learned := 0.0
	for _, run := range t.runs {
		c.Time += run.time
		if run.err != nil && c.Err == nil {
			c.Err = run.err
		}
		if run.done {
			c.Folds++
			learned += run.trainLoss
		}
	}
	if c.Folds > 0 {
		logp, v := heldOut([]*trial[T]{t}, func(i int) bool { return s.fold[i] >= 0 && t.runs[s.fold[i]].done }, s.rows)
		c.Loss, c.TrainLoss = meanLoss(logp[0], v), learned/float64(c.Folds)
	}
	return c
}

// rank sets the median and the least likely rows.
func (r *Report) rank() {
	slices.SortStableFunc(r.LeastLikely, func(a, b Row) int { return cmp.Compare(a.LogP, b.LogP) })
	n := len(r.LeastLikely)
	median := r.LeastLikely[n/2].LogP
	r.Median = -median
	distances := make([]float64, n)
	for i, row := range r.LeastLikely {
		distances[i] = math.Abs(row.LogP - median)
	}
	slices.Sort(distances)
	r.LeastLikely = slices.Clone(r.LeastLikely[:min(n, leastLikely)])
	for i := range r.LeastLikely {
		r.LeastLikely[i].Excess = (median - r.LeastLikely[i].LogP) / max(distances[n/2], 1e-300)
	}
}

// String is a table of the candidates and what is odd about the rows.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows of %d columns, %d held out in %s; %d members in the model\n", r.Rows, r.Dim, r.HeldOut, plural(r.Folds, "fold"), r.Members)
	fmt.Fprintf(&b, "held out: %.3f nats a row (%.3f by the Gaussian fit), the median %.3f\n\n", r.Loss, r.Gaussian, r.Median)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "candidate\theld out\ttraining\tfolds\tweight\tseconds\t")
	for _, c := range r.Candidates {
		if c.Folds == 0 {
			fmt.Fprintf(w, "%s\t-\t-\t0\t-\t%.1f\t\n", c.Name, c.Time.Seconds())
			continue
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%d\t%.2f\t%.1f\t\n", c.Name, c.Loss, c.TrainLoss, c.Folds, c.Weight, c.Time.Seconds())
	}
	w.Flush()
	if len(r.Trimmed) > 0 {
		fmt.Fprintf(&b, "\n%s left out as the least likely\n", plural(len(r.Trimmed), "row"))
	}
	r.writeTies(&b)
	for _, row := range r.LeastLikely {
		if row.Excess > 20 {
			fmt.Fprintf(&b, "\nrow %d: log-density %.4g, %.0f times as far below the median as half of the rows are from it", row.Row, row.LogP, row.Excess)
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// writeTies names the columns in which values repeat, the worst at length.
func (r *Report) writeTies(b *strings.Builder) {
	if len(r.Ties) == 0 {
		return
	}
	worst := slices.Clone(r.Ties)
	slices.SortStableFunc(worst, func(a, b train.ColumnTies) int { return cmp.Compare(b.Share, a.Share) })
	fmt.Fprintf(b, "\nvalues repeat in %s, and where they do a likelihood says little:\n", plural(len(worst), "column"))
	for i, c := range worst {
		if i == mostTies {
			fmt.Fprintf(b, "  and %s\n", plural(len(worst)-i, "column"))
			break
		}
		fmt.Fprintf(b, "  column %d: %d different values in %d rows, %.1f %% of them %.6g", c.Column, c.Distinct, c.Rows, 100*c.Share, c.Value)
		if c.Step > 0 {
			fmt.Fprintf(b, ", all multiples of %g", c.Step)
		}
		b.WriteByte('\n')
	}
}

const mostTies = 5 // columns that are told of one by one

// plural is a number of things.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
