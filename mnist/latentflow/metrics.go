package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/bijou-flow/bijou/train"
)

// metrics is the content of metrics.json.
type metrics struct {
	Config      config  `json:"config"`
	Interrupted bool    `json:"interrupted"`
	Autoencoder stage   `json:"autoencoder"`
	Flow        stage   `json:"flow"`
	Parameters  params  `json:"parameters"`
	TestBCE     *number `json:"test_bce_nats_a_pixel,omitempty"` // reconstruction, by the autoencoder's loss
	TestMSE     *number `json:"test_squared_error_a_pixel"`      // reconstruction
	TestNLL     *number `json:"test_nll_nats_an_embedding"`      // flow, mean over the test set
	EmbedTime   number  `json:"embedding_seconds"`               // both sets
	TotalTime   number  `json:"total_seconds"`                   // pictures included
	Kernels     string  `json:"kernels"`                         // the processor path that ran
	Go          string  `json:"go"`                              // version
	Images      int     `json:"training_images"`                 //
	TestImages  int     `json:"test_images"`                     //
}

// params counts trained values.
type params struct {
	Autoencoder int `json:"autoencoder"`
	Flow        int `json:"flow"`
}

// stage is how one training run went.
type stage struct {
	Seconds  float64 `json:"seconds"`
	Epochs   []epoch `json:"epochs"`
	Steps    int     `json:"steps"`
	BadSteps int     `json:"bad_steps"`
}

// epoch is one epoch's mean losses.
type epoch struct {
	Epoch   int     `json:"epoch"`
	Loss    number  `json:"training_loss"`
	Test    number  `json:"test_loss"`
	Seconds float64 `json:"seconds"`
}

// newStage sums up a report, which may be nil.
func newStage(r *train.Report, start time.Time) stage {
	s := stage{Seconds: time.Since(start).Seconds()}
	if r == nil {
		return s
	}
	s.Steps, s.BadSteps = r.Steps, r.BadSteps
	for _, e := range r.Epochs {
		s.Epochs = append(s.Epochs, epoch{e.Epoch, number(e.Loss), number(e.Validation), e.Time.Seconds()})
	}
	return s
}

// number is a float64 that JSON can hold: null where it is not finite.
type number float64

// MarshalJSON writes null for NaN and infinities.
func (n number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// some is a pointer to a number.
func some(v float64) *number {
	n := number(v)
	return &n
}

// write puts the metrics into a directory.
func (m metrics) write(dir string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "metrics.json"), append(data, '\n'), 0o644)
}
