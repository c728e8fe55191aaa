// The pictures of what a trained model can do.

package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/mnist"
)

// gallery draws what a trained model can do.
type gallery struct {
	coder   coder
	flow    *flow.Flow[float32]
	test    *mnist.Set
	classes int // of the flow's context; 0: unconditional
	seed    uint64
}

const columns = 10

// draw writes all pictures into a directory.
func (g gallery) draw(dir string) error {
	for _, p := range []struct {
		name string
		make func() (mnist.Grid, *bijector.Rows[float32], error)
	}{
		{samplesFile, g.samples},
		{reconstructionsFile, g.reconstructions},
		{interpolationFile, g.interpolation},
	} {
		grid, x, err := p.make()
		if err == nil {
			err = grid.WritePNG(filepath.Join(dir, p.name), x)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// grid is an empty grid for the test set's images.
func (g gallery) grid(rows, cols int) mnist.Grid {
	return mnist.Grid{Rows: rows, Cols: cols, Height: g.test.Height(), Width: g.test.Width()}
}

// samples are draws, a class a row, each row from the likeliest to the least
// likely; without classes, a hundred in that order.
func (g gallery) samples() (mnist.Grid, *bijector.Rows[float32], error) {
	rows, groups, flow := columns, 1, g.flow
	grid := g.grid(rows, columns)
	if g.classes > 0 {
		rows, groups = g.classes, g.classes
		flow = flow.Given(oneHots(g.classes, rows*columns, func(i int) int { return i / columns }))
		grid = g.grid(rows, columns)
		grid.ColCaptions = make([]string, columns)
		grid.ColCaptions[0], grid.ColCaptions[columns-1] = "likely", "unlikely"
		for k := range rows {
			grid.RowCaptions = append(grid.RowCaptions, strconv.Itoa(k))
		}
	}
	rng := rand.New(rand.NewPCG(g.seed, 0x647261))
	z, logp, err := flow.SampleWithLogProb(rng, rows*columns)
	if err != nil {
		return grid, nil, err
	}
	order := byDensity(logp, groups)
	x, err := decodeRows(g.coder, z, order)
	return grid, x, err
}

// byDensity are the rows of logp from the highest log-density down, within
// each of so many groups of one size.
func byDensity(logp []float64, groups int) []int {
	order := make([]int, len(logp))
	for i := range order {
		order[i] = i
	}
	for group := range slices.Chunk(order, len(order)/groups) {
		slices.SortStableFunc(group, func(a, b int) int { return cmp.Compare(logp[b], logp[a]) })
	}
	return order
}

// decodeRows decodes the rows of z in an order.
func decodeRows(d autoencoder.Decoder[float32], z *bijector.Rows[float32], order []int) (*bijector.Rows[float32], error) {
	rows := rowsOf(z)
	picked := make([][]float32, len(order))
	for i, r := range order {
		picked[i] = rows[r]
	}
	return d.Decode(stack(picked))
}

// reconstructions are pairs of rows: test images above what the autoencoder
// makes of them.
func (g gallery) reconstructions() (mnist.Grid, *bijector.Rows[float32], error) {
	const pairs = 4
	n := min(pairs*columns, g.test.Len()/columns*columns)
	if n == 0 {
		n = g.test.Len()
	}
	x, err := images(g.test, 0, n)
	if err != nil {
		return mnist.Grid{}, nil, err
	}
	z, err := g.coder.Encode(x)
	if err != nil {
		return mnist.Grid{}, nil, err
	}
	y, err := g.coder.Decode(z)
	if err != nil {
		return mnist.Grid{}, nil, err
	}
	var rows [][]float32
	var captions []string
	a, b := rowsOf(x), rowsOf(y)
	for lo := 0; lo < n; lo += columns {
		hi := min(lo+columns, n)
		rows = append(append(rows, a[lo:hi]...), b[lo:hi]...)
		captions = append(captions, "image", "decoded")
	}
	grid := g.grid(0, min(columns, n))
	grid.RowCaptions = captions
	return grid, stack(rows), nil
}

// interpolation walks in latent space: each row leads from the clearest test image
// of one class to that of the next, through evenly spaced points between their latents
// and, where the flow is conditional, between their labels.
func (g gallery) interpolation() (mnist.Grid, *bijector.Rows[float32], error) {
	ends, classes, err := g.clearest()
	if err != nil {
		return mnist.Grid{}, nil, err
	}
	n := len(ends)
	x, err := selectImages(g.test, ends)
	if err != nil {
		return mnist.Grid{}, nil, err
	}
	e, err := g.coder.Encode(x)
	if err != nil {
		return mnist.Grid{}, nil, err
	}
	flow := g.flow
	if g.classes > 0 {
		flow = flow.Given(oneHots(g.classes, n, func(i int) int { return classes[i] }))
	}
	u, err := flow.Forward(e)
	if err != nil {
		return mnist.Grid{}, nil, err
	}
	latents := rowsOf(u)
	grid := g.grid(n, columns)
	var path, contexts [][]float32
	for d := range n {
		to := (d + 1) % n
		grid.RowCaptions = append(grid.RowCaptions, fmt.Sprintf("%d to %d", classes[d], classes[to]))
		for i := range columns {
			t := float32(i) / (columns - 1)
			path = append(path, lerp(latents[d], latents[to], t))
			c := make([]float32, g.classes)
			if g.classes > 0 {
				c[classes[d]] += 1 - t
				c[classes[to]] += t
			}
			contexts = append(contexts, c)
		}
	}
	if flow = g.flow; g.classes > 0 {
		flow = flow.Given(stack(contexts))
	}
	z, err := flow.Inverse(stack(path))
	if err != nil {
		return mnist.Grid{}, nil, err
	}
	y, err := g.coder.Decode(z)
	return grid, y, err
}

// candidates are how many test images of a class clearest chooses from.
const candidates = 100

// clearest finds an image of each class that has one: the likeliest, given its
// class where the flow is told that, of the first ones.
func (g gallery) clearest() (rows, classes []int, err error) {
	var among []int
	seen := make([]int, g.test.Classes())
	for i := range g.test.Len() {
		if k := g.test.Label(i); seen[k] < candidates {
			seen[k]++
			among = append(among, i)
		}
	}
	x, err := selectImages(g.test, among)
	if err != nil {
		return nil, nil, err
	}
	z, err := g.coder.Encode(x)
	if err != nil {
		return nil, nil, err
	}
	flow := g.flow
	if g.classes > 0 {
		flow = flow.Given(oneHots(g.classes, len(among), func(i int) int { return g.test.Label(among[i]) }))
	}
	logp, err := flow.LogProb(z)
	if err != nil {
		return nil, nil, err
	}
	best := make([]int, len(seen)) // one more than its place in among
	for i, row := range among {
		if k := g.test.Label(row); best[k] == 0 || logp[i] > logp[best[k]-1] {
			best[k] = i + 1
		}
	}
	for k, i := range best {
		if i > 0 {
			rows, classes = append(rows, among[i-1]), append(classes, k)
		}
	}
	return rows, classes, nil
}

// lerp is (1-t) a + t b.
func lerp(a, b []float32, t float32) []float32 {
	m := make([]float32, len(a))
	for i := range m {
		m[i] = (1-t)*a[i] + t*b[i]
	}
	return m
}
