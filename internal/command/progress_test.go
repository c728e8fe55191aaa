package command

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bijou-flow/bijou/train"
)

// followed is what progress writes of two epochs of 200 rows, of which only
// the first is finished.
func followed(columns int) string {
	var b bytes.Buffer
	p := newProgress(&b, columns, "autoencoder", Losses("nats a pixel"), 200, 2)
	for epoch := range 2 {
		for step := range 2 {
			p.Step(train.StepEvent{Epoch: epoch + 1, Epochs: 2, Rows: 100, Loss: 0.5, Step: step + 1, Steps: 2})
			if columns > 0 {
				time.Sleep(refresh * 5 / 4)
			}
		}
		if epoch == 0 {
			p.Epoch(train.EpochEvent{Epoch: 1, Epochs: 2, Loss: 0.5, Validation: 0.25, Rows: 200, Time: 2 * time.Second})
		}
	}
	p.close()
	return b.String()
}

// TestLines: off a terminal, and on one too narrow for a bar, a line an epoch.
func TestLines(t *testing.T) {
	const want = "autoencoder 1/2  training 0.5000, test 0.2500 nats a pixel  100 samples/s, 2s left\n"
	for _, columns := range []int{0, 40} {
		if got := followed(columns); got != want {
			t.Errorf("%d columns: %q, want %q", columns, got, want)
		}
	}
}

// TestBar: on a terminal, a line that is drawn over and never wraps, and the
// result of the last epoch that was finished in its place.
func TestBar(t *testing.T) {
	for _, columns := range []int{80, 200} {
		got := followed(columns)
		bar, result, ok := strings.Cut(got, "\x1b[2K\r")
		if want := "autoencoder 1/2  training 0.5000, test 0.2500 nats a pixel  100 samples/s\n"; !ok || result != want {
			t.Fatalf("%d columns: ends in %q, want %q", columns, result, want)
		}
		if strings.Contains(bar, "\n") {
			t.Errorf("%d columns: a bar of several lines: %q", columns, bar)
		}
		frames := strings.Split(bar, "\r")
		if len(frames) < 4 {
			t.Errorf("%d columns: the bar was drawn %d times: %q", columns, len(frames)-1, bar)
		}
		for _, frame := range frames[1:] {
			text, ok := strings.CutPrefix(frame, "\x1b[K")
			if n := utf8.RuneCountInString(text); !ok || n >= columns {
				t.Errorf("%d columns: %d are used, %q", columns, n, frame)
			}
		}
		if last := frames[len(frames)-1]; !regexp.MustCompile(`autoencoder 2/2 loss 0\.5000 +\d+% \|█+ *\| \(\d+ samples/s\) \[\ds:\ds\]`).MatchString(last) {
			t.Errorf("%d columns: the last is %q", columns, last)
		}
	}
}
