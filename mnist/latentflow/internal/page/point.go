// A point and its digit: the draw, the latent or the embedding that was asked for.

package page

import (
	"context"
	"math"

	"github.com/bijou-flow/bijou/bijector"
)

// point says where a digit is, see the comment of api.go.
type point struct {
	Digit       *int      `json:"digit"`
	Seed        *uint64   `json:"seed"`
	Temperature *float64  `json:"temperature"`
	Latent      []float64 `json:"latent"`
	Embedding   []float64 `json:"embedding"`
}

// maxTemperature of a draw.
const maxTemperature = 3.0

// check says what is wrong with a point.
func (p point) check(e *engine) error {
	if err := e.checkDigit(p.Digit); err != nil {
		return err
	}
	given := 0
	for _, is := range []bool{p.Seed != nil, p.Latent != nil, p.Embedding != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return wrongf("point", given, "one of seed, latent and embedding")
	case p.Seed == nil && p.Temperature != nil:
		return wrong("temperature", "one beside a place", "one beside a seed, or none")
	case p.Temperature != nil && !(*p.Temperature >= 0 && *p.Temperature <= maxTemperature):
		return wrongf("temperature", *p.Temperature, "a number from 0 to %v", maxTemperature)
	case p.Latent != nil:
		return numbers("latent", p.Latent, e.dim)
	case p.Embedding != nil:
		return numbers("embedding", p.Embedding, e.dim)
	}
	return nil
}

// checkDigit says what is wrong with the class of a point.
func (e *engine) checkDigit(digit *int) error {
	switch {
	case digit == nil && e.classes > 0:
		return wrongf("digit", "no digit", "one from 0 to %d", e.classes-1)
	case digit != nil && e.classes == 0:
		return wrongf("digit", *digit, "no digit: the model is not told any")
	case digit != nil:
		return between("digit", *digit, 0, e.classes-1)
	}
	return nil
}

// class is the flow's index of a digit that was checked.
func class(digit *int) int {
	if digit == nil {
		return 0
	}
	return *digit
}

// place finds the latent u and the embedding z of a point, (1, d) each.
func (e *engine) place(p point) (u, z *bijector.Rows[float32], err error) {
	if err := p.check(e); err != nil {
		return nil, nil, err
	}
	f := e.under[class(p.Digit)]
	switch {
	case p.Latent != nil:
		u = narrow(p.Latent)
		z, err = f.Inverse(u)
		return u, z, err
	case p.Embedding != nil:
		z, err = e.at(p.Embedding)
	default:
		if p.Temperature != nil {
			f = f.WithTemperature(*p.Temperature)
		}
		z, err = f.Sample(Rand(*p.Seed), 1)
	}
	if err != nil {
		return nil, nil, err
	}
	u, err = f.Forward(z)
	return u, z, err
}

// narrow is a row of float32.
func narrow(v []float64) *bijector.Rows[float32] {
	row := bijector.NewRows[float32](1, len(v))
	for i, x := range v {
		row.Row(0)[i] = float32(x)
	}
	return row
}

// reading is what the model says of an embedding, its class unknown.
type reading struct {
	// LogDensity is that of the mixture of all classes, nats an embedding.
	LogDensity float64 `json:"log_density"`
	// PValue is the share of test images, and this one, that are no likelier.
	PValue float64 `json:"p_value"`
	// Posterior are the probabilities of the classes, by Bayes' rule; absent for
	// a model without.
	Posterior []float64 `json:"posterior,omitempty"`
	// Embedding is where it lies along the principal axes, in deviations.
	Embedding []float64 `json:"embedding"`
}

func (e *engine) read(z *bijector.Rows[float32]) (reading, error) {
	densities, err := e.densities(z)
	if err != nil {
		return reading{}, err
	}
	r := reading{LogDensity: overall(densities, 0)}
	if r.Embedding, err = e.coordinates(z); err != nil {
		return reading{}, err
	}
	r.PValue = e.calibration.PValue(r.LogDensity)
	if e.classes > 0 {
		r.Posterior = posterior(densities, 0)
	}
	if math.IsInf(r.LogDensity, 0) {
		return r, wrongf("not_finite", "a digit without a density", "one nearer to the middle")
	}
	return r, nil
}

// digitAnswer is a digit, where it lies, and what the model says of it.
type digitAnswer struct {
	timed
	reading
	Pixels []byte    `json:"pixels"`
	Latent []float64 `json:"latent"`
}

// digit answers /api/digit.
func (e *engine) digit(_ context.Context, p point) (*digitAnswer, error) {
	u, z, err := e.place(p)
	if err != nil {
		return nil, err
	}
	a := &digitAnswer{Latent: wide(u.Row(0))}
	if a.Pixels, err = e.gray(z); err != nil {
		return nil, err
	}
	a.reading, err = e.read(z)
	return a, err
}
