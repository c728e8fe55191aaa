// States of a PyTorch model against arbitrary bytes.

package torch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/bijou-flow/bijou/interop/torch"
)

// FuzzRead holds every mapping to an error or a flow, on files that were made of
// good ones.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.safetensors")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && len(raw) < 64<<10 {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := torch.Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return
		}
		if m, err := torch.Zuko[float32](s, torch.ZukoOptions{Activation: "relu"}); (m == nil) == (err == nil) {
			t.Errorf("Zuko: %v, error %v", m, err)
		}
		if m, err := torch.NFlows[float32](s, torch.NFlowsOptions{Activation: "relu"}); (m == nil) == (err == nil) {
			t.Errorf("NFlows: %v, error %v", m, err)
		}
		if m, err := torch.NormFlows[float32](s, torch.NormFlowsOptions{Activation: "relu"}); (m == nil) == (err == nil) {
			t.Errorf("NormFlows: %v, error %v", m, err)
		}
		if m, err := torch.SBI[float32](s, torch.SBIOptions{Activation: "relu", EmbeddingActivation: "relu"}); (m == nil) == (err == nil) {
			t.Errorf("SBI: %v, error %v", m, err)
		}
		if m, err := torch.FrEIA[float32](s, torch.FrEIAOptions{Activation: "relu"}); (m == nil) == (err == nil) {
			t.Errorf("FrEIA: %v, error %v", m, err)
		}
		if m, err := torch.FlowJAX[float32](s, torch.FlowJAXOptions{Activation: "relu", Interval: 3}); (m == nil) == (err == nil) {
			t.Errorf("FlowJAX: %v, error %v", m, err)
		}
		if m, err := torch.Demo[float32](s, torch.DemoOptions{}); (m == nil) == (err == nil) {
			t.Errorf("Demo: %v, error %v", m, err)
		}
	})
}
