// Files of export.py: the mapping is found, and another activation is noticed.

package torch_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/interop/torch"
)

func openExported(name string) *torch.State {
	return testkit.Must(torch.Open("testdata/exported/" + name + ".safetensors"))
}

func TestLoad(t *testing.T) {
	for name, dim := range map[string]int{"zuko_nsf": 3, "nflows_spline": 3, "normflows": 3, "sbi_nsf": 2, "sbi_zuko_nsf": 2} {
		f, err := torch.Load[float32](openExported(name))
		if err != nil || f.Dim() != dim {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := torch.Load[float64](openExported(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, dim := range map[string]int{"flowjax_coupling": 4, "flowjax_coupling_spline_64": 3, "flowjax_masked_64": 3, "flowjax_masked_spline": 2} {
		f, err := torch.Load[float64](testkit.Must(torch.Open("testdata/" + name + ".safetensors")))
		if err != nil || f.Dim() != dim {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range map[string]*torch.State{"nil": nil, "bare": testkit.Must(torch.Open("testdata/zuko.safetensors"))} {
		if _, err := torch.Load[float32](s); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("a %s state: %v, want ErrSpec", name, err)
		}
	}
}

// TestPriorBounds: those of a posterior's file, and of no other.
func TestPriorBounds(t *testing.T) {
	if lo, hi := openExported("sbi_nsf").PriorBounds(); !slices.Equal(lo, []float64{0, 0}) || !slices.Equal(hi, []float64{2, 3}) {
		t.Errorf("bounds %v and %v, want 0 to 2 and 3", lo, hi)
	}
	for _, s := range []*torch.State{nil, openExported("sbi_zuko_nsf"), openExported("normflows")} {
		if lo, hi := s.PriorBounds(); lo != nil || hi != nil {
			t.Errorf("bounds %v and %v of a file without any", lo, hi)
		}
	}
}

// TestActivation: an ELU flow passes for none with ReLU.
func TestActivation(t *testing.T) {
	if _, err := torch.Load[float64](openExported("zuko_maf_elu")); err != nil {
		t.Errorf("an ELU flow: %v", err)
	}
	for _, activation := range []string{"relu", "tanh", "softplus"} {
		if _, err := torch.Zuko[float32](openExported("zuko_maf_elu"), torch.ZukoOptions{Activation: activation}); !errors.Is(err, torch.ErrProof) {
			t.Errorf("an ELU flow as one with %s: %v, want ErrProof", activation, err)
		}
	}
	if _, err := torch.NFlows[float32](openExported("nflows_spline"), torch.NFlowsOptions{TailBound: 2}); !errors.Is(err, torch.ErrProof) {
		t.Errorf("another tail bound: %v, want ErrProof", err)
	}
	if _, err := torch.Zuko[float32](openExported("zuko_nsf"), torch.ZukoOptions{Class: "NSF"}); !errors.Is(err, torch.ErrProof) {
		t.Errorf("another slope: %v, want ErrProof", err)
	}
	if _, err := torch.SBI[float32](openExported("sbi_nsf"), torch.SBIOptions{EmbeddingActivation: "relu"}); !errors.Is(err, torch.ErrProof) {
		t.Errorf("another activation of the embedding: %v, want ErrProof", err)
	}
	bare := func(name string) *torch.State { return testkit.Must(torch.Open("testdata/" + name + ".safetensors")) }
	_, zuko := torch.Zuko[float32](bare("zuko"), torch.ZukoOptions{})
	_, nflows := torch.NFlows[float32](bare("nflows"), torch.NFlowsOptions{})
	_, normflows := torch.NormFlows[float32](bare("normflows"), torch.NormFlowsOptions{})
	for name, err := range map[string]error{"zuko": zuko, "nflows": nflows, "normflows": normflows} {
		if !errors.Is(err, bijector.ErrSpec) || !strings.Contains(err.Error(), "Activation") {
			t.Errorf("a bare state of %s without an activation: %v, want ErrSpec and what to set", name, err)
		}
	}
}

// TestProofRows: rows that say nothing, or what is no JSON, are no proof.
func TestProofRows(t *testing.T) {
	items := safetensors.Layout(itemsOf(t, "testdata/exported/normflows.safetensors"))
	raw := testkit.Must(os.ReadFile("testdata/exported/normflows.safetensors"))
	class := testkit.Must(safetensors.ReadHeader(bytes.NewReader(raw), int64(len(raw)), safetensors.Bool)).Metadata
	for _, c := range []struct {
		proof string
		want  error
	}{
		{`{}`, torch.ErrProof},
		{`{"x":[[1,2]],"log_prob":[1]}`, torch.ErrProof},
		{`{"x":[[1,2,3]],"log_prob":[1]}`, torch.ErrProof},
		{`{"x":[[1,2,3]],"log_prob":[1,2]}`, torch.ErrProof},
		{`{"x":[[1,2,3]],"context":[[1]],"log_prob":[1]}`, torch.ErrProof},
		{`{"x":`, safetensors.ErrFormat},
	} {
		meta := map[string]string{"bijou.class": "normflows.core.NormalizingFlow", "bijou.proof": c.proof}
		b := bytes.NewBuffer(testkit.Must(safetensors.EncodeHeader(items, meta)))
		if err := safetensors.WriteData(b, items); err != nil {
			t.Fatal(err)
		}
		s, err := torch.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err == nil {
			_, err = torch.Load[float64](s)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.proof, err, c.want)
		}
	}
	if len(class) != 3 {
		t.Errorf("export.py wrote %d entries, want class, options and proof", len(class))
	}
}
