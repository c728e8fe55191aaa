// The flow: NICE as it is saved, and the same functions in other parameters,
// which train faster.

package main

import (
	"math"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
)

// outScale shrinks the conditioners' initial last layers: the flow starts near
// the pixels' marginals.
const outScale = 0.1

// model is a NICE flow and its twin in training.
//
// Of the 784 pixels, many are black in nearly all images. What is left of them
// is noise of width 1/256, which the diagonal scale has to stretch a thousand
// times for the base, where others need a factor of ten. A step of the
// optimiser moves the shifts of all pixels by the same amounts; on a black
// pixel, that is many times the noise, and its likelihood is lost again. So is
// the gradient of all hidden layers, in which those pixels have a hundred
// times the weight of others.
//
// In training, each output of a conditioner is therefore scaled by the width
// of its pixel's marginal. The initial diagonal scale is the inverse of these
// widths, and the initial biases of the couplings that move a pixel first take
// its location away: at first the flow is the independent logistic
// distribution of each pixel that is likeliest. The scales of the outputs are
// constants, and fold into the last layers of an ordinary NICE flow.
type model struct {
	nice       *flow.Flow[float32] // to be saved: valid after fold
	scaledFlow *flow.Flow[float32] // to be trained
	heads      []head
}

// head is a conditioner's last layer.
type head struct {
	nice   []bijector.Param[float32] // weight and bias
	scales []float32                 // scales of the twin's outputs
}

// newModel makes the model of c for features of the given marginals.
func newModel(c *config, m marginals) (*model, error) {
	dim := len(m.loc)
	chain, err := coupling.NICE[float32](coupling.Recipe{Dim: dim, Layers: c.Layers, Hidden: c.Hidden, Raw: true, Seed: c.Seed})
	if err != nil {
		return nil, err
	}
	var layers []bijector.Layer[float32]
	var heads []head
	centred := make([]bool, dim)
	for i, member := range chain.Members() {
		plain, ok := member.(*coupling.Additive[float32])
		if !ok {
			continue // the scale, which is made below
		}
		first := i % 2 // the couplings move every other feature, from this one on
		h := head{scales: make([]float32, 0, dim)}
		l, err := coupling.NewAdditiveWith(plain.Spec().(coupling.AdditiveSpec), func(in, out int) (bijector.Network[float32], error) {
			net, err := coupling.NewMLP[float32](coupling.MLPSpec{In: in, Out: out, Hidden: c.Hidden, Seed: c.Seed*100 + uint64(i), OutScale: outScale})
			if err != nil {
				return nil, err
			}
			h.nice = lastLayerParams(plain.Conditioner())
			bias := lastLayerParams(net)[1].Data
			for k := range bias {
				j := first + 2*k
				h.scales = append(h.scales, float32(m.scale[j]))
				if !centred[j] {
					bias[k] -= float32(m.loc[j] / m.scale[j])
					centred[j] = true
				}
			}
			return scaled{net, h.scales}, nil
		})
		if err != nil {
			return nil, err
		}
		layers, heads = append(layers, l), append(heads, h)
	}
	end, err := bijector.NewScale[float32](bijector.ScaleSpec{Dim: dim, Rate: c.ScaleRate})
	if err != nil {
		return nil, err
	}
	for j, s := range m.scale {
		end.Params()[0].Data[j] = float32(-math.Log(s))
	}
	twin, err := bijector.NewChain(append(layers, end)...)
	if err != nil {
		return nil, err
	}
	base, err := distribution.NewLogistic[float32](distribution.LogisticSpec{Dim: dim})
	if err != nil {
		return nil, err
	}
	built := &model{heads: heads}
	if built.nice, err = flow.New(chain, base); err != nil {
		return nil, err
	}
	built.scaledFlow, err = flow.New(twin, base)
	return built, err
}

// lastLayerParams is the weight and the bias of a map's last layer.
func lastLayerParams(m bijector.Network[float32]) []bijector.Param[float32] {
	ps := m.Params()
	return ps[len(ps)-2:]
}

// foldScales gives the NICE flow the parameters of its twin.
func (m *model) foldScales() {
	to := m.nice.Params()
	for i, p := range m.scaledFlow.Params() {
		copy(to[i].Data, p.Data)
	}
	for _, h := range m.heads {
		weight, bias := h.nice[0], h.nice[1]
		in := len(weight.Data) / len(bias.Data)
		for k, c := range h.scales {
			bias.Data[k] *= c
			for i := range in {
				weight.Data[k*in+i] *= c
			}
		}
	}
	m.nice.Invalidate()
}
