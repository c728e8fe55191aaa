// Rows of which cells are missing, filled in by a model.

package table

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/bijou-flow/bijou/bijector"
)

// Completion is what a model says of the missing cells of a row.
type Completion struct {
	// Codes is the row with its missing cells filled in: with the mean of a number, and
	// with the likeliest of values that have a probability of their own where those are likelier than
	// not.
	Codes []float64
	// LogProb is the log-density of the cells that are there, the missing ones
	// integrated out, in nats and in the units of the data: an estimate by draws.
	LogProb float64
	// ESS is the effective number of the draws.
	ESS float64
}

// Complete fills the missing cells of a row, those whose known is false, from draws given
// the others: see SampleGiven, whose candidates they are. Draws in which such a
// cell is missing itself do not count. draws below 1 mean 4,096.
func (m *Model[T]) Complete(rng *rand.Rand, row []float64, known []bool, draws int) (Completion, error) {
	c, all, w, err := m.complete(rng, row, known, draws)
	if err != nil {
		return Completion{}, err
	}
	for j, k := range known {
		if !k {
			c.Codes[j] = m.middle(all, w, j)
		}
	}
	return c, nil
}

// CompleteDraw is Complete with one of the draws for the missing cells, in place of what is expected of
// them: rows that are filled so are spread as whole ones are, and their cells go together.
func (m *Model[T]) CompleteDraw(rng *rand.Rand, row []float64, known []bool, draws int) (Completion, error) {
	c, all, w, err := m.complete(rng, row, known, draws)
	if err != nil {
		return Completion{}, err
	}
	d, i := m.Dim(), systematic(rng, w, 1)[0]
	copy(c.Codes, all[i*d:(i+1)*d])
	return c, nil
}

// complete is Complete before its cells are filled: the draws and their weights, which
// sum to 1.
func (m *Model[T]) complete(rng *rand.Rand, row []float64, known []bool, draws int) (none Completion, all, w []float64, err error) {
	d := m.Dim()
	if rng == nil || len(row) != d || len(known) != d {
		return none, nil, nil, fmt.Errorf("table: a row of %d values, %d of them told to be known or not, want a generator and %d: %w", len(row), len(known), d, bijector.ErrShape)
	}
	if err := m.checkMixed(); err != nil {
		return none, nil, nil, err
	}
	if draws < 1 {
		draws = fewestCandidates
	}
	if draws > mostValues/d {
		return none, nil, nil, fmt.Errorf("table: %d draws of %d columns, want at most %d: %w", draws, d, mostValues/d, bijector.ErrShape)
	}
	all, w, err = m.candidates(rng, row, known, draws)
	if err != nil {
		return none, nil, nil, err
	}
	c := Completion{Codes: slices.Clone(row), LogProb: logMeanExp(w)}
	for j := range d {
		if known[j] {
			c.LogProb -= m.scale(j, T(row[j]))
			continue
		}
		for i := range w {
			if all[i*d+j] == Missing {
				w[i] = math.Inf(-1)
			}
		}
	}
	if c.ESS, err = m.weigh(w); err != nil {
		return none, nil, nil, err
	}
	return c, all, w, nil
}

func logMeanExp(v []float64) float64 {
	top, sum := slices.Max(v), 0.0
	if math.IsInf(top, -1) {
		return top
	}
	for _, x := range v {
		sum += math.Exp(x - top)
	}
	return top + math.Log(sum/float64(len(v)))
}

// middle is the likeliest atom of column j where the continuous part is less likely than not, and otherwise the
// mean of that part.
func (m *Model[T]) middle(all, w []float64, j int) float64 {
	d, mass, mean, rest := m.Dim(), map[float64]float64{}, 0.0, 0.0
	for i, p := range w {
		v := all[i*d+j]
		if m.mixed[0].IsAtom(j, T(v)) {
			mass[v] += p
			continue
		}
		rest += p
		mean += p * v
	}
	if rest > 0.5 {
		return mean / rest
	}
	best, most := math.NaN(), -1.0
	for v, p := range mass {
		if p > most || p == most && v < best {
			best, most = v, p
		}
	}
	return best
}
