// What Fit keeps between rounds: a model and a state, sealed by checksums.

package bijoubeam

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// fitState is a fit behind a round.
type fitState struct {
	Identity string // of the fit
	Round    int
	Model    Model
	Moments  []float32 // of Adam, flow by flow: first ones, then second ones
	Velocity []float64 // of the outer momentum; nil: none
}

// identity is what a fit that goes on has to have in common with the one that began.
func identity(start Model, shards []string, o FitOptions) string {
	type plain struct { // JSON has no functions
		Start        string
		Shards       []string
		Steps, Batch int
		Numbers      []float64
		Seed         uint64
		// What was not there from the beginning.
		More      []float64 `json:",omitempty"`
		Gradients bool      `json:",omitempty"`
	}
	var more []float64
	if o.Final > 0 || o.WeightDecay > 0 || o.HeldOut > 0 {
		more = []float64{o.Final, o.WeightDecay, o.HeldOut}
	}
	if o.Final > 0 { // the rate depends on how many rounds there will be
		more = append(more, float64(o.Rounds))
	}
	text, _ := json.Marshal(plain{start.SHA256, shards, o.Steps, o.Batch, []float64{o.Rate, o.ClipNorm, o.OuterMomentum, o.OuterRate}, o.Seed, more, o.Gradients}) // plain values
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

func roundPath(dir string, round int) string {
	return fmt.Sprintf("%s/round-%05d", strings.TrimRight(dir, "/"), round)
}

func statePath(dir string, round int) string { return roundPath(dir, round) + ".state" }
func modelPath(dir string, round int) string { return roundPath(dir, round) + ".safetensors" }
func meanPath(dir string, round int) string  { return roundPath(dir, round) + ".mean" }

// memberPath is that of a flow of a mixture.
func memberPath(path string, member int) string { return fmt.Sprintf("%s-%05d", path, member) }

// save writes model and state, and removes those of the round before the last.
func (s *fitState) save(ctx context.Context, dir string, f *trained) error {
	var err error
	if s.Model, err = keepModel(ctx, modelPath(dir, s.Round), f.whole); err != nil {
		return fmt.Errorf("bijoubeam: round %d: %w", s.Round, err)
	}
	if err := writeSealed(ctx, statePath(dir, s.Round), *s); err != nil {
		return err
	}
	fs, err := filesystem.New(ctx, dir)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", dir, err)
	}
	defer fs.Close()
	if remover, ok := fs.(filesystem.Remover); ok && s.Round > 2 {
		// What stays behind does no harm.
		_ = remover.Remove(ctx, statePath(dir, s.Round-2))
		_ = remover.Remove(ctx, modelPath(dir, s.Round-2))
	}
	return nil
}

// lastState is that of the last round whose files are whole; nil: there is none.
func lastState(ctx context.Context, dir, identity string) (*fitState, error) {
	names, err := list(ctx, escaped(roundPath(dir, 0)[:len(roundPath(dir, 0))-5])+"*.state")
	if err != nil {
		return nil, err
	}
	for k := len(names) - 1; k >= 0; k-- {
		s, err := readSealed[fitState](ctx, names[k])
		if err != nil {
			continue // a write that was cut short: the round before is whole
		}
		if s.Identity != identity {
			return nil, fmt.Errorf("bijoubeam: %s is of a fit with another start, shards or options; another directory keeps it: %w", names[k], ErrFit)
		}
		if _, err := readTrained(ctx, s.Model); err != nil {
			continue
		}
		return &s, nil
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("bijoubeam: no round in %s is whole, the last being %s: %w", dir, names[len(names)-1], ErrFit)
	}
	return nil, nil
}

// writeSealed writes a value, and its checksum behind it.
func writeSealed[V any](ctx context.Context, path string, v V) error {
	text, err := encodeGob(v)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", path, err)
	}
	sum := sha256.Sum256(text)
	fs, err := filesystem.New(ctx, path)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", path, err)
	}
	defer fs.Close()
	if err := filesystem.Write(ctx, fs, path, append(text, sum[:]...)); err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", path, err)
	}
	return nil
}

func readSealed[V any](ctx context.Context, path string) (v V, err error) {
	raw, err := readFile(ctx, path)
	if err != nil {
		return v, err
	}
	at := len(raw) - sha256.Size
	if at < 0 || sha256.Sum256(raw[:at]) != [sha256.Size]byte(raw[at:]) {
		return v, fmt.Errorf("bijoubeam: %s is cut short or was changed: %w", path, ErrFit)
	}
	return decodeGob[V](raw[:at])
}
