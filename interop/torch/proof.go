// What export.py writes beside the tensors: the class, its settings, and
// rows with their log-densities, which a flow must come to here too.

package torch

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

// ErrProof: the flow does not come to the log-densities that its file has for a few
// rows, so that a setting is another than that of the model.
var ErrProof = errors.New("other log-densities than the file's")

// exported is what an exporter says of a model.
type exported struct {
	class   string // "zuko.flows.spline.NSF"
	options struct {
		Activation string  `json:"activation"`
		Slope      float64 `json:"slope"`
		TailBound  float64 `json:"tail_bound"`
		Flows      int     `json:"flows"`
		// Of sbi's, the activation of the embedding network and, where it is one of
		// zuko, the class of the flow.
		EmbeddingActivation string `json:"embedding_activation"`
		Class               string `json:"class"`

		Clamp   float64 `json:"clamp"`   // of FrEIA
		Epsilon float64 `json:"epsilon"` // of zuko's GMM

		// Of FlowJAX.
		Interval      float64 `json:"interval"`
		MinWidth      float64 `json:"min_width"`
		MinDerivative float64 `json:"min_derivative"`
		MinScale      float64 `json:"min_scale"`
	}
	prior struct {
		Lo []float64 `json:"lo"`
		Hi []float64 `json:"hi"`
	}
	proof *proofRows
	rest  map[string]string // the metadata as they are, without the proof
}

// proofRows are rows and the log-densities that the model has for them.
type proofRows struct {
	X       [][]float64 `json:"x"`
	Context [][]float64 `json:"context"`
	LogProb []float64   `json:"log_prob"`
	stale   bool        // of a state that is being updated
}

// readExported reads a file's metadata.
func readExported(pairs []safetensors.Pair) (e exported, err error) {
	e.rest = make(map[string]string, len(pairs))
	for _, p := range pairs {
		if p.Key != "bijou.proof" {
			e.rest[p.Key] = p.Value
		}
		switch p.Key {
		case "bijou.class":
			e.class = p.Value
		case "bijou.options":
			err = json.Unmarshal([]byte(p.Value), &e.options)
		case "bijou.prior":
			err = json.Unmarshal([]byte(p.Value), &e.prior)
		case "bijou.proof":
			e.proof = &proofRows{}
			err = json.Unmarshal([]byte(p.Value), e.proof)
		}
		if err != nil {
			return e, fmt.Errorf("torch: metadata %q: %v: %w", p.Key, err, safetensors.ErrFormat)
		}
	}
	return e, nil
}

// PriorBounds are the bounds of the parameters that a posterior of sbi was trained
// under, where export.py wrote them: its prior is uniform between them. Both are nil for
// a prior without bounds, and for other states. The posterior is the flow of Load within
// them:
//
//	lo, hi := state.PriorBounds()
//	p, err := posterior.NewTruncated[float32](flow, lo, hi)
func (s *State) PriorBounds() (lo, hi []float64) {
	if s == nil {
		return nil, nil
	}
	return slices.Clone(s.exported.prior.Lo), slices.Clone(s.exported.prior.Hi)
}

// Load makes the flow of a state by the mapping of its class, which export.py
// writes into the file along with activation, settings and proof rows. A state
// without a class, as a bare state_dict is, is bijector.ErrSpec: say which mapping it
// is for by calling that. So is a class without a mapping.
func Load[T bijector.Float](s *State) (*flow.Flow[T], error) {
	if s == nil || s.exported.class == "" {
		return nil, fmt.Errorf("torch: the state does not say what class it is of; call Zuko, NFlows, NormFlows, SBI, FrEIA, FlowJAX or Demo, or write the file with export.py: %w", bijector.ErrSpec)
	}
	class, o := s.exported.class, s.exported.options
	source, _, _ := strings.Cut(class, ".")
	switch source {
	case "zuko":
		return Zuko[T](s, ZukoOptions{Activation: o.Activation, Slope: o.Slope, Epsilon: o.Epsilon, Class: class[strings.LastIndex(class, ".")+1:]})
	case "nflows":
		return NFlows[T](s, NFlowsOptions{Activation: o.Activation, TailBound: o.TailBound})
	case "normflows":
		return NormFlows[T](s, NormFlowsOptions{Activation: o.Activation, Flows: o.Flows, TailBound: o.TailBound})
	case "sbi":
		return SBI[T](s, SBIOptions{Activation: o.Activation, EmbeddingActivation: o.EmbeddingActivation, TailBound: o.TailBound, Class: o.Class, Slope: o.Slope})
	case "FrEIA":
		return FrEIA[T](s, FrEIAOptions{Activation: o.Activation, Clamp: o.Clamp})
	case "flowjax":
		return FlowJAX[T](s, FlowJAXOptions{
			Activation: o.Activation, Interval: o.Interval, MinWidth: o.MinWidth, MinDerivative: o.MinDerivative, MinScale: o.MinScale,
		})
	}
	return nil, fmt.Errorf("torch: a state of the class %q, want one of zuko, nflows, normflows, sbi, FrEIA or flowjax: %w", class, bijector.ErrSpec)
}

// activation is the one given, or the file's. Where neither says it, proof rows tell
// whether it is relu, and a bare state is refused.
func (r *reader) activation(given string) (string, error) {
	switch e := r.state.exported; {
	case given != "":
		return given, nil
	case e.options.Activation != "":
		return e.options.Activation, nil
	case e.proof != nil:
		return "relu", nil
	}
	return "", fmt.Errorf(`torch: a state_dict does not say the activation of its networks; set Activation to "relu", "tanh" or what else the model has, or write the file with export.py: %w`, bijector.ErrSpec)
}

// checkProof compares the log-densities of the proof rows with the file's.
func checkProof[T bijector.Float](p *proofRows, f *flow.Flow[T]) error {
	if p == nil || p.stale {
		return nil
	}
	got, err := scoreProof(p, f)
	if err != nil {
		return err
	}
	tolerance := 1e-7
	if _, ok := any(*new(T)).(float32); ok {
		tolerance = 1e-3
	}
	for i, want := range p.LogProb {
		if !(math.Abs(got[i]-want) <= tolerance*max(1, math.Abs(want))) {
			return fmt.Errorf("torch: proof row %d has the log-density %v here and %v in the file: the activation is another, or a setting that leaves no trace in a state: %w", i, got[i], want, ErrProof)
		}
	}
	return nil
}

// scoreProof are the log-densities that a flow has for the proof rows.
func scoreProof[T bijector.Float](p *proofRows, f *flow.Flow[T]) ([]float64, error) {
	n := len(p.LogProb)
	if n == 0 || len(p.X) != n || (f.ContextDim() > 0) != (len(p.Context) > 0) {
		return nil, fmt.Errorf("torch: proof of %d rows with %d of context and %d log-densities, want as many of each and at least one: %w", len(p.X), len(p.Context), n, ErrProof)
	}
	x, err := proofTensor[T](p.X, f.Dim())
	if err != nil {
		return nil, err
	}
	if len(p.Context) > 0 {
		c, err := proofTensor[T](p.Context, f.ContextDim())
		if err != nil {
			return nil, err
		}
		f = f.Given(c)
	}
	logp, err := f.LogProb(x)
	if err != nil {
		return nil, fmt.Errorf("torch: the proof rows: %w: %w", err, ErrProof)
	}
	return logp, nil
}

// proofTensor is a batch of rows of dim values.
func proofTensor[T bijector.Float](rows [][]float64, dim int) (*tensor.Dense, error) {
	data := make([]T, 0, len(rows)*dim)
	for i, row := range rows {
		if len(row) != dim {
			return nil, fmt.Errorf("torch: proof row %d has %d values, want %d: %w", i, len(row), dim, ErrProof)
		}
		for _, v := range row {
			data = append(data, T(v))
		}
	}
	return tensor.New(tensor.WithShape(len(rows), dim), tensor.WithBacking(data)), nil
}
