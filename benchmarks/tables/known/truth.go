// Networks of mixed columns whose densities are known: categories, counts,
// spikes, conditional normals, and values that are missing by what they are.

package main

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// network is a table's law: each column given those before it.
type network struct{ columns []column }

// column is one law given what the columns before it say.
type column struct {
	kind    string // category, count, spike, normal, missing
	k       int    // categories
	weights [][]float64
	bias    []float64
}

// signal is what later columns see of a value.
const signals = 2

// newNetwork draws a network of d columns.
func newNetwork(d int, seed uint64) *network {
	rng, n := rand.New(rand.NewPCG(seed, 1)), &network{}
	kinds := []string{"category", "normal", "count", "spike", "missing"}
	for j := range d {
		c := column{kind: kinds[j%len(kinds)], k: 2 + rng.IntN(4)}
		outputs := map[string]int{"category": c.k, "normal": 2, "count": 1, "spike": 2, "missing": 2}[c.kind]
		for range outputs {
			w := make([]float64, signals*j)
			for range min(j, 3) { // a few parents each
				p := rng.IntN(j)
				for s := range signals {
					w[signals*p+s] = 0.7 * rng.NormFloat64()
				}
			}
			c.weights, c.bias = append(c.weights, w), append(c.bias, 0.5*rng.NormFloat64())
		}
		n.columns = append(n.columns, c)
	}
	return n
}

// out are the column's linear predictors.
func (c *column) out(seen []float64) []float64 {
	o := make([]float64, len(c.weights))
	for i, w := range c.weights {
		o[i] = c.bias[i]
		for k, v := range w {
			o[i] += v * seen[k]
		}
	}
	return o
}

// see is what later columns see of a value; NaN is a missing one.
func (c *column) see(v float64) [signals]float64 {
	switch c.kind {
	case "category":
		s, t := math.Sincos(2 * math.Pi * v / float64(c.k))
		return [signals]float64{s, t}
	case "count":
		return [signals]float64{math.Log1p(v) - 1, math.Tanh(v/3 - 1)}
	case "spike":
		if v == 0 {
			return [signals]float64{-1, 0}
		}
		return [signals]float64{0.5, math.Tanh(math.Log(v))}
	}
	if v != v {
		return [signals]float64{0, 1}
	}
	return [signals]float64{math.Tanh(v / 2), math.Cos(v)}
}

func softmax(o []float64) []float64 {
	p, sum := make([]float64, len(o)), 0.0
	for i, v := range o {
		p[i] = math.Exp(v)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func sigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

// absent is the probability that a value of a column with missing cells is missing.
func absent(x float64) float64 { return sigmoid(1.5*x - 2) }

// draw is one value of the column.
func (c *column) draw(seen []float64, rng *rand.Rand) float64 {
	o := c.out(seen)
	switch c.kind {
	case "category":
		u := rng.Float64()
		for i, p := range softmax(o) {
			if u -= p; u < 0 {
				return float64(i)
			}
		}
		return float64(c.k - 1)
	case "count": // Poisson, by its waiting times
		rate, n, t := math.Exp(1+math.Tanh(o[0])), 0.0, 0.0
		for {
			if t += rng.ExpFloat64(); t > rate {
				return n
			}
			n++
		}
	case "spike":
		if rng.Float64() < sigmoid(o[0]) {
			return 0
		}
		return math.Exp(0.5*o[1] + 0.6*rng.NormFloat64())
	}
	x := o[0] + math.Exp(0.5*math.Tanh(o[1]))*rng.NormFloat64()
	if c.kind == "missing" && rng.Float64() < absent(x) {
		return math.NaN()
	}
	return x
}

func logNormal(x, m, s float64) float64 {
	u := (x - m) / s
	return -u*u/2 - math.Log(s) - 0.5*math.Log(2*math.Pi)
}

// logProb is the log-probability or the log-density of v.
func (c *column) logProb(v float64, seen []float64) float64 {
	o := c.out(seen)
	switch c.kind {
	case "category":
		return math.Log(softmax(o)[int(v)])
	case "count":
		rate := math.Exp(1 + math.Tanh(o[0]))
		g, _ := math.Lgamma(v + 1)
		return v*math.Log(rate) - rate - g
	case "spike":
		p := sigmoid(o[0])
		if v == 0 {
			return math.Log(p)
		}
		return math.Log1p(-p) + logNormal(math.Log(v), 0.5*o[1], 0.6) - math.Log(v)
	}
	m, s := o[0], math.Exp(0.5*math.Tanh(o[1]))
	switch {
	case c.kind == "normal":
		return logNormal(v, m, s)
	case v == v:
		return logNormal(v, m, s) + math.Log1p(-absent(v))
	}
	sum := 0.0 // of the mass that is missing, by the trapezium rule
	const n = 400
	for i := range n + 1 {
		z := 16*float64(i)/n - 8
		sum += 16. / n * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * absent(m+s*z)
	}
	return math.Log(sum)
}

// rows are n draws of the network and their log-densities by column.
func (n *network) rows(count int, seed uint64) (cells [][]string, terms [][]float64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	for range count {
		var seen, logp []float64
		var row []string
		for j := range n.columns {
			c := &n.columns[j]
			v := c.draw(seen, rng)
			logp = append(logp, c.logProb(v, seen))
			s := c.see(v)
			seen = append(seen, s[:]...)
			row = append(row, c.text(v))
		}
		cells, terms = append(cells, row), append(terms, logp)
	}
	return cells, terms
}

func (c *column) text(v float64) string {
	switch {
	case v != v:
		return ""
	case c.kind == "category":
		return "c" + strconv.Itoa(int(v))
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
