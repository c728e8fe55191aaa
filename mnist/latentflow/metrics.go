// The figures of a run, as metrics.json has them.

package main

import (
	"encoding/json"

	"github.com/bijou-flow/bijou/internal/command"
)

// metrics is the content of metrics.json.
type metrics struct {
	Config      config         `json:"config"`
	Interrupted bool           `json:"interrupted"`
	Images      int            `json:"training_images"`
	TestImages  int            `json:"test_images"`
	Autoencoder command.Stage  `json:"autoencoder"`
	Flow        command.Stage  `json:"flow"`
	Parameters  params         `json:"parameters"`
	TestBCE     command.Number `json:"test_bce_nats_a_pixel"`      // reconstruction, by the autoencoder's loss; none for PCA
	TestMSE     command.Number `json:"test_squared_error_a_pixel"` // reconstruction
	TestNLL     command.Number `json:"test_nll_nats_an_embedding"` // flow, mean over the test set
	EmbedTime   float64        `json:"embedding_seconds"`          // both sets
	TotalTime   float64        `json:"total_seconds"`              // pictures included
	Kernels     string         `json:"kernels"`                    // the processor path that ran
	Go          string         `json:"go"`                         // version
}

// params counts trained values.
type params struct {
	Autoencoder int `json:"autoencoder"`
	Flow        int `json:"flow"`
}

// write puts the metrics into a file.
func (m metrics) write(path string) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return command.WriteFile(path, append(data, '\n'))
}
