// States of a PyTorch model against arbitrary bytes.

package torch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/fuzzing"
	"github.com/bijou-flow/bijou/interop/torch"
)

// FuzzRead holds a mapping, one of all, to an error or a model, on files that were made
// of good ones.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.safetensors")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	const sources = 9
	var seeds [][]byte
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && len(raw) < 8<<10 {
			seeds = append(seeds, raw)
			for source := range byte(sources) {
				f.Add(source, raw)
			}
		}
	}
	hold := func(t testing.TB, source byte, raw []byte) (good bool) {
		s, err := torch.Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return false
		}
		read := func(m *flow.Flow[float32], err error) {
			good = err == nil
			if (m == nil) == (err == nil) {
				t.Errorf("source %d: %v, error %v", source, m, err)
			}
		}
		switch source % sources {
		case 0:
			read(torch.Zuko[float32](s, torch.ZukoOptions{Activation: "relu"}))
		case 1:
			read(torch.NFlows[float32](s, torch.NFlowsOptions{Activation: "relu"}))
		case 2:
			read(torch.NormFlows[float32](s, torch.NormFlowsOptions{Activation: "relu"}))
		case 3:
			read(torch.SBI[float32](s, torch.SBIOptions{Activation: "relu", EmbeddingActivation: "relu"}))
		case 4:
			read(torch.FrEIA[float32](s, torch.FrEIAOptions{Activation: "relu"}))
		case 5:
			read(torch.FlowJAX[float32](s, torch.FlowJAXOptions{Activation: "relu", Interval: 3}))
		case 6:
			read(torch.Demo[float32](s, torch.DemoOptions{}))
		case 7:
			read(torch.Load[float32](s)) // by what the file says of itself
		case 8:
			m, err := torch.DemoAutoencoder[float32](s, torch.DemoAutoencoderOptions{})
			if (m == nil) == (err == nil) {
				t.Errorf("autoencoder %v, error %v", m, err)
			}
			good = err == nil
		}
		return good
	}
	fuzzing.Executions(f, seeds, func(raw []byte, number uint64) bool { return hold(f, byte(number), raw) })
	f.Fuzz(func(t *testing.T, source byte, raw []byte) { hold(t, source, raw) })
}
