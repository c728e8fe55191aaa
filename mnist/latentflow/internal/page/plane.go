// Many digits at once: the walk between two points, and the field over a plane.

package page

import (
	"context"

	"github.com/bijou-flow/bijou/bijector"
)

// manyAnswer are pictures, one after the other, and what the model says of each.
type manyAnswer struct {
	timed
	Pixels []byte `json:"pixels"`
	// LogDensity is each digit's, as of a reading.
	LogDensity []float64 `json:"log_density"`
	// Class is the likeliest class of each; absent for a model without.
	Class []int `json:"class,omitempty"`
}

// tile is how many digits are computed between two looks at whether anybody
// still waits for them.
const tile = 64

// many maps latents (n, d) with their contexts (n, c), nil for a model without,
// to pictures.
func (e *engine) many(ctx context.Context, u, contexts *bijector.Rows[float32]) (*manyAnswer, error) {
	a := &manyAnswer{}
	for lo := 0; lo < u.Len(); lo += tile {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		z, err := e.embeddings(u, contexts, lo, min(lo+tile, u.Len()))
		if err != nil {
			return nil, err
		}
		pixels, err := e.gray(z)
		if err != nil {
			return nil, err
		}
		a.Pixels = append(a.Pixels, pixels...)
		densities, err := e.densities(z)
		if err != nil {
			return nil, err
		}
		for i := range z.Len() {
			a.LogDensity = append(a.LogDensity, overall(densities, i))
			if e.classes > 0 {
				a.Class = append(a.Class, likeliest(densities, i))
			}
		}
	}
	return a, nil
}

// embeddings are those of latents lo to hi.
func (e *engine) embeddings(u, contexts *bijector.Rows[float32], lo, hi int) (*bijector.Rows[float32], error) {
	latents, err := part(u, lo, hi)
	if err != nil {
		return nil, err
	}
	f := e.flow
	if contexts != nil {
		given, err := part(contexts, lo, hi)
		if err != nil {
			return nil, err
		}
		f = f.Given(given)
	}
	return f.Inverse(latents)
}

// part are rows lo to hi of x, which it shares.
func part(x *bijector.Rows[float32], lo, hi int) (*bijector.Rows[float32], error) {
	d := x.Dim()
	return bijector.RowsOf(x.Values()[lo*d:hi*d], hi-lo, d)
}

// likeliest is the class of embedding i with the highest density.
func likeliest(densities [][]float64, i int) int {
	best := 0
	for k := range densities {
		if densities[k][i] > densities[best][i] {
			best = k
		}
	}
	return best
}

// walkQuestion asks for the digits between two points.
type walkQuestion struct {
	From  point `json:"from"`
	To    point `json:"to"`
	Steps int   `json:"steps"`
}

// walk answers /api/walk: evenly spaced points between the latents of both
// ends and, where the model has classes, between their classes.
func (e *engine) walk(ctx context.Context, q walkQuestion) (*manyAnswer, error) {
	if err := between("steps", q.Steps, 2, maxSteps); err != nil {
		return nil, err
	}
	a, _, err := e.place(q.From)
	if err != nil {
		return nil, err
	}
	b, _, err := e.place(q.To)
	if err != nil {
		return nil, err
	}
	u := bijector.NewRows[float32](q.Steps, e.dim)
	var contexts *bijector.Rows[float32]
	if e.classes > 0 {
		contexts = bijector.NewRows[float32](q.Steps, e.classes)
	}
	for i := range q.Steps {
		t := float32(i) / float32(q.Steps-1)
		for j := range e.dim {
			u.Row(i)[j] = (1-t)*a.Row(0)[j] + t*b.Row(0)[j]
		}
		if contexts != nil {
			contexts.Row(i)[*q.From.Digit] += 1 - t
			contexts.Row(i)[*q.To.Digit] += t
		}
	}
	return e.many(ctx, u, contexts)
}

// fieldQuestion asks for the digits over the plane of two directions of the
// latent space; the others stay what they are in Latent.
type fieldQuestion struct {
	Digit   *int      `json:"digit"`
	Latent  []float64 `json:"latent"`
	X       int       `json:"x"` // direction to the right
	Y       int       `json:"y"` // direction up
	Centre  []float64 `json:"centre"`
	Step    float64   `json:"step"` // between neighbours, in standard deviations of the base
	Columns int       `json:"columns"`
	Rows    int       `json:"rows"`
}

func (q fieldQuestion) check(e *engine) error {
	if err := e.checkDigit(q.Digit); err != nil {
		return err
	}
	if err := numbers("latent", q.Latent, e.dim); err != nil {
		return err
	}
	if err := numbers("centre", q.Centre, 2); err != nil {
		return err
	}
	for _, n := range []struct {
		field     string
		v, lo, hi int
	}{{"x", q.X, 0, e.dim - 1}, {"y", q.Y, 0, e.dim - 1}, {"columns", q.Columns, 1, maxTiles}, {"rows", q.Rows, 1, maxTiles}} {
		if err := between(n.field, n.v, n.lo, n.hi); err != nil {
			return err
		}
	}
	switch tiles := q.Columns * q.Rows; {
	case q.X == q.Y:
		return wrongf("y", q.Y, "another direction than x")
	case tiles > maxTiles:
		return wrongf("rows", tiles, "%d digits at most, columns times rows", maxTiles)
	case !(q.Step > 0 && q.Step <= maxFar):
		return wrongf("step", q.Step, "a number above 0, up to %v", maxFar)
	}
	return nil
}

// field answers /api/field, from the upper left corner, row by row.
func (e *engine) field(ctx context.Context, q fieldQuestion) (*manyAnswer, error) {
	if err := q.check(e); err != nil {
		return nil, err
	}
	n := q.Columns * q.Rows
	u := bijector.NewRows[float32](n, e.dim)
	var contexts *bijector.Rows[float32]
	if e.classes > 0 {
		contexts = bijector.NewRows[float32](n, e.classes)
	}
	for i := range n {
		row := u.Row(i)
		for j, v := range q.Latent {
			row[j] = float32(v)
		}
		row[q.X] = float32(offset(q.Centre[0], q.Step, i%q.Columns, q.Columns))
		row[q.Y] = float32(offset(q.Centre[1], -q.Step, i/q.Columns, q.Rows))
		if contexts != nil {
			contexts.Row(i)[*q.Digit] = 1
		}
	}
	return e.many(ctx, u, contexts)
}

// offset is the coordinate of place i of n around a centre.
func offset(centre, step float64, i, n int) float64 {
	return centre + step*(float64(i)-float64(n-1)/2)
}
