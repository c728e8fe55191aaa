// Progress of a stage of training: a bar on a terminal, lines elsewhere.

package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/bijou-flow/bijou/train"
)

// progress shows a stage of training: a bar on a terminal, with a line on the
// result when it ends, and a line an epoch elsewhere. It is a train.Observer.
type progress struct {
	name  string
	say   func(training, test float64) string // describes an epoch's losses
	w     io.Writer
	next  train.Observer           // hears of everything as well; nil: nobody does
	bar   *progressbar.ProgressBar // nil: lines
	loss  float64                  // running mean over recent steps
	steps int
	shown time.Time
	last  train.EpochEvent
	heard int           // epochs: a run that was taken up has had others before
	spent time.Duration // on finished epochs
}

// How often the bar moves, and the columns that it takes besides the bar
// itself: "autoencoder 10/10 loss 0.1234", a percentage, the rate and the time.
const (
	refresh = 100 * time.Millisecond
	barText = 72
	minBar  = 3
	maxBar  = 30
)

// eraseLine begins what the bar writes, so that nothing is left of a longer
// line before it. Both are one write, which does not flicker.
const eraseLine = "\x1b[K"

// terminalWidth is the number of columns of a terminal, 0 for other writers.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Losses describes an epoch's losses, in a unit.
func Losses(unit string) func(training, test float64) string {
	return func(training, test float64) string {
		return fmt.Sprintf("training %.4f, test %.4f %s", training, test, unit)
	}
}

// newProgress shows a stage of rows x epochs on a terminal of so many columns;
// say describes an epoch's losses. One that is too narrow for a bar gets lines, since a bar
// that wraps cannot be drawn over.
func newProgress(w io.Writer, columns int, name string, say func(training, test float64) string, rows, epochs int) *progress {
	p := &progress{name: name, say: say, w: w, shown: time.Now()}
	width := min(columns-barText, maxBar)
	if width < minBar {
		return p
	}
	// The one too many keeps the bar from vanishing during the validation after
	// the last step.
	p.bar = progressbar.NewOptions(rows*epochs+1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(fmt.Sprintf(eraseLine+"%s 1/%d", name, epochs)),
		progressbar.OptionSetWidth(width),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("samples"),
		progressbar.OptionThrottle(refresh),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionUseANSICodes(true),
	)
	p.bar.StartWithoutRender()
	return p
}

// Step moves the bar.
func (p *progress) Step(e train.StepEvent) {
	if p.next != nil {
		p.next.Step(e)
	}
	if p.bar != nil {
		p.bar.Add(e.Rows)
	}
	if e.Bad {
		return
	}
	if p.steps++; p.steps == 1 {
		p.loss = e.Loss
	}
	p.loss += (e.Loss - p.loss) / 50
	if now := time.Now(); p.bar != nil && now.Sub(p.shown) > refresh {
		p.shown = now
		p.bar.Describe(fmt.Sprintf(eraseLine+"%s %d/%d loss %.4f", p.name, e.Epoch, e.Epochs, p.loss))
	}
}

// Epoch says how the epoch went, where there is no bar.
func (p *progress) Epoch(e train.EpochEvent) {
	p.last = e
	p.heard++
	p.spent += e.Time
	if p.bar == nil {
		p.line()
	}
	if p.next != nil {
		p.next.Epoch(e)
	}
}

// close takes the bar away and leaves a line on the last epoch in its place.
func (p *progress) close() {
	if p.bar == nil {
		return
	}
	p.bar.Clear()
	p.bar.Exit()
	if p.last.Epoch > 0 {
		p.line()
	}
}

// line describes the last epoch.
func (p *progress) line() {
	e := p.last
	left := ""
	if n := e.Epochs - e.Epoch; n > 0 && p.bar == nil {
		each := p.spent / time.Duration(p.heard)
		left = fmt.Sprintf(", %v left", (each * time.Duration(n)).Round(time.Second))
	}
	fmt.Fprintf(p.w, "%s %d/%d  %s  %.0f samples/s%s\n",
		p.name, e.Epoch, e.Epochs, p.say(e.Loss, e.Validation), float64(e.Rows)/e.Time.Seconds(), left)
}
