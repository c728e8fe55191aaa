// Progress of training, and the report of fit.

package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/table"
	"github.com/bijou-flow/bijou/train"
)

// progress shows a training run: it begins with the first step, which says how
// many there will be.
type progress struct {
	log  command.Streams
	name string
	next train.Observer
	end  func()
	told time.Time        // when an epoch was
	last train.EpochEvent // that was not told
}

// between is how long there is no line on an epoch behind one.
const between = time.Second

// Run names the training run that begins.
func (p *progress) Run(r table.Run) {
	p.close()
	p.name = "training"
	if text := r.String(); text != "" {
		p.name += " (" + text + ")"
	}
}

func (p *progress) Step(e train.StepEvent) {
	if p.next == nil {
		say := func(training, validation float64) string {
			return fmt.Sprintf("training %.4f, validation %.4f nats a row in standard units", training, validation)
		}
		p.next, p.end = command.Watch(p.name, say, e.Steps*e.Rows, e.Epochs, nil, p.log)
	}
	p.next.Step(e)
}

// Epoch tells of an epoch, unless another one was told just now.
func (p *progress) Epoch(e train.EpochEvent) {
	if p.next == nil {
		return
	}
	now := time.Now()
	if now.Sub(p.told) < between && e.Epoch < e.Epochs {
		p.last = e
		return
	}
	p.told, p.last = now, train.EpochEvent{}
	p.next.Epoch(e)
	if e.Epoch == e.Epochs {
		p.close()
	}
}

// close ends what is shown; the next run, of another member, begins anew.
func (p *progress) close() {
	if p.next != nil && p.last.Epoch > 0 {
		p.next.Epoch(p.last)
	}
	if p.end != nil {
		p.end()
	}
	p.next, p.end, p.told, p.last = nil, nil, time.Time{}, train.EpochEvent{}
}

// summary is the report of fit.
type summary struct {
	Model      string         `json:"model"`
	Rows       int            `json:"rows"`
	Skipped    int            `json:"rows_left_out"`
	Trimmed    int            `json:"rows_trimmed"` // by -trim
	Trained    int            `json:"rows_trained_on"`
	Validated  int            `json:"rows_for_stopping"`
	Calibrated int            `json:"rows_for_p_values"`
	Epochs     []int          `json:"epochs"` // of each member
	Stopped    bool           `json:"interrupted"`
	Seconds    float64        `json:"seconds"`
	Nats       command.Number `json:"nats_per_row"` // negative log-density of the rows for p-values
	Bits       command.Number `json:"bits_per_row"`
	Columns    []columnNats   `json:"columns"`
}

// columnNats is what a column adds to the negative log-density of a held-out row.
type columnNats struct {
	Column string         `json:"column"`
	Nats   command.Number `json:"nats"`
	Bits   command.Number `json:"bits"`
}

// summarise sums up a report.
func summarise(schema *table.Schema, r *table.FitReport, rows, skipped int, took time.Duration) *summary {
	s := &summary{
		Rows: rows, Skipped: skipped, Trimmed: len(r.Trimmed), Trained: r.Train, Validated: r.Validation, Calibrated: r.Calibrated,
		Seconds: took.Seconds(), Nats: command.Number(-r.Held), Bits: command.Number(-r.Held / math.Ln2),
	}
	for _, member := range r.Members {
		s.Epochs = append(s.Epochs, len(member.Epochs))
	}
	for j, v := range r.Contributions {
		s.Columns = append(s.Columns, columnNats{schema.Columns[j].Name, command.Number(-v), command.Number(-v / math.Ln2)})
	}
	return s
}

// print tells it in words.
func (s *summary) print(w io.Writer) {
	fmt.Fprintf(w, "negative log-density of %s rows that were held out:\n", tablecommand.Grouped(s.Calibrated))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\tnats\tbits\t\n")
	for _, c := range s.Columns {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t\n", c.Column, float64(c.Nats), float64(c.Bits))
	}
	fmt.Fprintf(t, "a row\t%.3f\t%.3f\t\n", float64(s.Nats), float64(s.Bits))
	t.Flush()
	if s.Trimmed > 0 {
		fmt.Fprintf(w, "%s rows are left out, as the least likely ones\n", tablecommand.Grouped(s.Trimmed))
	}
	what := "trained on"
	if s.Stopped {
		what = "interrupted while training on"
	}
	fmt.Fprintf(w, "%s %s of %s rows in %v\n", what, tablecommand.Grouped(s.Trained), tablecommand.Grouped(s.Rows), time.Duration(s.Seconds*float64(time.Second)).Round(100*time.Millisecond))
}
