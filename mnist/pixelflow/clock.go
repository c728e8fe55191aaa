// The CPU time of a run over all its sittings.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/train"
)

// clockFile lies beside the checkpoints.
const clockFile = "cpu.json"

// clock counts CPU seconds, and keeps the sum after every epoch. It is a
// train.Observer.
type clock struct {
	Seconds  float64 `json:"cpu_seconds"`
	Sittings int     `json:"sittings"`
	path     string
	last     float64 // of this process, when Seconds was summed
}

// newClock begins a sitting, the first one unless the run is taken up.
func newClock(dir string, resume bool) (*clock, error) {
	c := &clock{path: filepath.Join(dir, clockFile), last: cpuSeconds()}
	if resume {
		data, err := os.ReadFile(c.path)
		if err == nil {
			err = json.Unmarshal(data, c)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("-resume: %s: %w", c.path, err)
		}
	}
	c.Sittings++
	return c, nil
}

// save adds what was used since the last time and writes the sum.
func (c *clock) save() error {
	now := cpuSeconds()
	c.Seconds, c.last = c.Seconds+now-c.last, now
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return atomicfile.Write(c.path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Step does nothing.
func (*clock) Step(train.StepEvent) {}

// Epoch keeps the sum of a run that may be killed; an error is told at the end.
func (c *clock) Epoch(train.EpochEvent) { _ = c.save() }
