package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/bijou-flow/bijou/train"
)

// progress shows a stage of training: a bar on a terminal, a line an epoch
// elsewhere. It is a train.Observer.
type progress struct {
	name, unit string
	w          io.Writer
	bar        *progressbar.ProgressBar
	loss       float64 // running mean over recent steps
	shown      time.Time
	epochs     []train.EpochEvent
}

// newProgress shows a stage of rows x epochs; unit is the loss's.
func newProgress(w io.Writer, name, unit string, rows, epochs int) *progress {
	p := &progress{name: name, unit: unit, w: w}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	p.bar = progressbar.NewOptions(rows*epochs,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(name),
		progressbar.OptionSetWidth(24),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("samples"),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
	)
	return p
}

// Step moves the bar.
func (p *progress) Step(e train.StepEvent) {
	if e.Bad {
		return
	}
	if p.loss == 0 {
		p.loss = e.Loss
	}
	p.loss += (e.Loss - p.loss) / 50
	if p.bar == nil {
		return
	}
	if now := time.Now(); now.Sub(p.shown) > 100*time.Millisecond {
		p.shown = now
		p.bar.Describe(fmt.Sprintf("%s %d/%d  %.4f %s", p.name, e.Epoch, e.Epochs, p.loss, p.unit))
	}
	p.bar.Add(e.Rows)
}

// Epoch keeps the epoch for the curves and says how it went.
func (p *progress) Epoch(e train.EpochEvent) {
	p.epochs = append(p.epochs, e)
	if p.bar != nil {
		if e.Epoch == e.Epochs {
			p.bar.Finish()
		} else {
			return
		}
	}
	rate := float64(e.Rows) / e.Time.Seconds()
	left := ""
	if e.Epoch < e.Epochs {
		var spent time.Duration
		for _, done := range p.epochs {
			spent += done.Time
		}
		each := spent / time.Duration(len(p.epochs))
		left = fmt.Sprintf(", %v left", (each * time.Duration(e.Epochs-e.Epoch)).Round(time.Second))
	}
	fmt.Fprintf(p.w, "%s %d/%d  training %.4f, test %.4f %s  %.0f samples/s%s\n",
		p.name, e.Epoch, e.Epochs, e.Loss, e.Validation, p.unit, rate, left)
}
