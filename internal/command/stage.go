// Stages: training runs, watched and summed up.

package command

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/train"
)

// Stage is how one training run went.
type Stage struct {
	Seconds  float64 `json:"seconds"`
	Epochs   []Epoch `json:"epochs"` // those that were finished
	Steps    int     `json:"steps"`
	BadSteps int     `json:"bad_steps"`
}

// Epoch is one epoch's mean losses.
type Epoch struct {
	Epoch   int     `json:"epoch"`
	Loss    Number  `json:"training_loss"`
	Test    Number  `json:"test_loss"`
	Seconds float64 `json:"seconds"`
}

// NewStage sums up a report, which may be nil.
func NewStage(r *train.Report, start time.Time) Stage {
	s := Stage{Seconds: time.Since(start).Seconds(), Epochs: []Epoch{}}
	if r == nil {
		return s
	}
	s.Steps, s.BadSteps = r.Steps, r.BadSteps
	for _, e := range r.Epochs {
		s.Epochs = append(s.Epochs, Epoch{e.Epoch, Number(e.Loss), Number(e.Validation), e.Time.Seconds()})
	}
	return s
}

// Number is a float64 that JSON can hold: null where it is not finite.
type Number float64

// Finite says whether n is neither NaN nor infinite.
func (n Number) Finite() bool { return rows.IsFinite(float64(n)) }

// MarshalJSON writes null for NaN and infinities.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Finite() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// Fit is train.Fit with progress under a stage's name. say describes an epoch's
// losses: see Losses.
func Fit(ctx context.Context, m bijector.Objective[float32], data train.Source, o train.Options, name string, say func(training, test float64) string, s Streams) (*train.Report, error) {
	var end func()
	o.Observer, end = Watch(name, say, data.Len(), o.Epochs, o.Observer, s)
	defer end()
	return train.Fit(ctx, m, data, o)
}

// Watch makes an observer that shows a training run of so many rows and epochs,
// and tells next, unless that is nil. end is called behind the run.
func Watch(name string, say func(training, test float64) string, rows, epochs int, next train.Observer, s Streams) (o train.Observer, end func()) {
	p := newProgress(s.Log, terminalWidth(s.Log), name, say, rows, epochs)
	p.next = next
	return p, p.close
}

// CountParams is the number of trained values.
func CountParams(m interface {
	Params() []bijector.Param[float32]
},
) int {
	n := 0
	for _, p := range m.Params() {
		n += len(p.Data)
	}
	return n
}
