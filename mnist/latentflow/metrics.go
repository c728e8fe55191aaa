package main

import (
	"encoding/json"
	"io"
	"math"
	"path/filepath"
	"time"

	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/train"
)

// metrics is the content of metrics.json.
type metrics struct {
	Config      config  `json:"config"`
	Interrupted bool    `json:"interrupted"`
	Images      int     `json:"training_images"`
	TestImages  int     `json:"test_images"`
	Autoencoder stage   `json:"autoencoder"`
	Flow        stage   `json:"flow"`
	Parameters  params  `json:"parameters"`
	TestBCE     number  `json:"test_bce_nats_a_pixel"`      // reconstruction, by the autoencoder's loss; none for PCA
	TestMSE     number  `json:"test_squared_error_a_pixel"` // reconstruction
	TestNLL     number  `json:"test_nll_nats_an_embedding"` // flow, mean over the test set
	EmbedTime   float64 `json:"embedding_seconds"`          // both sets
	TotalTime   float64 `json:"total_seconds"`              // pictures included
	Kernels     string  `json:"kernels"`                    // the processor path that ran
	Go          string  `json:"go"`                         // version
}

// params counts trained values.
type params struct {
	Autoencoder int `json:"autoencoder"`
	Flow        int `json:"flow"`
}

// stage is how one training run went.
type stage struct {
	Seconds  float64 `json:"seconds"`
	Epochs   []epoch `json:"epochs"` // those that were finished
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
	s := stage{Seconds: time.Since(start).Seconds(), Epochs: []epoch{}}
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

// finite says whether n is neither NaN nor infinite.
func (n number) finite() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null for NaN and infinities.
func (n number) MarshalJSON() ([]byte, error) {
	if !n.finite() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// write puts the metrics into a directory.
func (m metrics) write(dir string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "metrics.json"), append(data, '\n'))
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
