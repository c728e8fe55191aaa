// Report: what a fit did, and what was left out.

package latent

import (
	"fmt"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/auto"
)

// Report is what a fit did.
type Report struct {
	Rows      int
	Cached    bool // the embeddings were read from the cache
	Reduction Reduction
	// Density is the report of the choice of a density, whose rows are those of the
	// source.
	Density *auto.Report
	// Calibrated is the number of rows that nothing was fitted to, and Held their mean
	// log-density in nats.
	Calibrated int
	Held       float64
	// Threshold is the log-density below which a share Alarm of normal rows lie at
	// most.
	Alarm, Threshold float64
	EmbedTime, Time  time.Duration
}

// String says it in words, the report of the density behind.
func (r *Report) String() string {
	var b strings.Builder
	from := ""
	if r.Cached {
		from = ", from the cache"
	}
	fmt.Fprintf(&b, "%d rows, embeddings of %d values (%.1f s%s)\n", r.Rows, r.Reduction.Values, r.EmbedTime.Seconds(), from)
	b.WriteString(r.Reduction.String())
	fmt.Fprintf(&b, "%d rows held out: %.3f nats on average; below %.3f an alarm, of at most %.2g %% of normal rows\n\n", r.Calibrated, r.Held, r.Threshold, 100*r.Alarm)
	if r.Density != nil {
		b.WriteString(r.Density.String())
	}
	return b.String()
}

// String says it in words.
func (r Reduction) String() string {
	var b strings.Builder
	if r.UnitNorm {
		b.WriteString("all embeddings have one length: they lie on a sphere\n")
	}
	if r.Degenerate > 0 {
		fmt.Fprintf(&b, "%d directions do not vary among the rows\n", r.Degenerate)
	}
	switch {
	case r.Components == 0:
		b.WriteString("the density is that of the embeddings as they are\n")
	case r.Kept > 1-1e-9:
		fmt.Fprintf(&b, "%d principal components have all of the variance\n", r.Components)
	default:
		fmt.Fprintf(&b, "%d principal components have %.1f %% of the variance; of the rest, %.1f %%, the density sees the distance alone\n", r.Components, 100*r.Kept, 100*(1-r.Kept))
	}
	return b.String()
}
