// The distributions of points in the plane.

package main

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// density is a distribution of points in the plane that is easy to draw and
// hard to fit.
type density struct {
	name string
	draw func(rng *rand.Rand) (x, y float64)
}

// densities lie within 4 of the origin or so.
var densities = []density{
	{"two moons", moons},
	{"rings", rings},
	{"checkerboard", checkerboard},
	{"pinwheel", pinwheel},
}

// moons are two interleaved half circles.
func moons(rng *rand.Rand) (x, y float64) {
	sin, cos := math.Sincos(math.Pi * rng.Float64())
	if rng.IntN(2) == 1 {
		sin, cos = 0.5-sin, 1-cos
	}
	return 2*(cos-0.5) + 0.1*rng.NormFloat64(), 2*(sin-0.25) + 0.1*rng.NormFloat64()
}

// rings are four circles around the origin.
func rings(rng *rand.Rand) (x, y float64) {
	r := float64(1+rng.IntN(4))*0.9 + 0.07*rng.NormFloat64()
	sin, cos := math.Sincos(2 * math.Pi * rng.Float64())
	return r * cos, r * sin
}

// checkerboard is uniform over the black fields of a 4x4 board.
func checkerboard(rng *rand.Rand) (x, y float64) {
	i, j := rng.IntN(4), rng.IntN(2)
	return 1.8 * (float64(i-2) + rng.Float64()), 1.8 * (float64(2*j+i%2-2) + rng.Float64())
}

// pinwheel has five arms that bend with their length.
func pinwheel(rng *rand.Rand) (x, y float64) {
	along, across := 1+0.3*rng.NormFloat64(), 0.1*rng.NormFloat64()
	sin, cos := math.Sincos(2*math.Pi*float64(rng.IntN(5))/5 + 0.25*math.Exp(along))
	return 2 * (along*cos - across*sin), 2 * (along*sin + across*cos)
}

// points are n draws.
func points(d density, n int, seed uint64) *bijector.Rows[float32] {
	rng := rand.New(rand.NewPCG(seed, 0x746f79))
	rows := bijector.NewRows[float32](n, 2)
	for i := range n {
		x, y := d.draw(rng)
		rows.Row(i)[0], rows.Row(i)[1] = float32(x), float32(y)
	}
	return rows
}
