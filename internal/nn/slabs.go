// Where batches lie between convolutions: samples in tiles, each of which holds all
// features one after the other.

package nn

import "github.com/bijou-flow/bijou/bijector"

// TileSamples is the number of samples that go through a sequence with convolutions
// together: the widest products' 48 columns and four that are cheap beside them, so
// that the customary 100 are two tiles. Each has memory of its own: what it leaves
// behind is still in a cache of 16 MB when the next map and the way back read it.
const TileSamples = 52

// slabs are the tiles of a batch. A slab has a row of zeros after feature d-1, at
// Data[d*Stride], where convolutions find their padding.
type slabs[T bijector.Float] []bijector.Mat[T]

// newSlab is a tile of at most n samples.
func newSlab[T bijector.Float](d, n int) bijector.Mat[T] {
	m := bijector.NewMat[T](d+1, n)
	m.D = d
	return m
}

func newSlabs[T bijector.Float](d, maxBatch, tile int) slabs[T] {
	var s slabs[T]
	for _, n := range tileSizes(maxBatch, tile) {
		s = append(s, newSlab[T](d, n))
	}
	return s
}

// tileSizes are the numbers of samples of a batch's tiles.
func tileSizes(maxBatch, tile int) []int {
	sizes := []int{min(tile, maxBatch)}
	for lo := tile; lo < maxBatch; lo += tile {
		sizes = append(sizes, min(tile, maxBatch-lo))
	}
	return sizes
}

// view is the first n samples of a slab. It keeps the slab's stride, so that the
// zeros stay where they are and offsets into the slab are made once.
func view[T bijector.Float](slab bijector.Mat[T], n int) bijector.Mat[T] {
	if n > slab.N {
		panic("nn: batch larger than the pass's MaxBatch")
	}
	slab.N = n
	return slab
}

// view is tile t of a batch of n samples.
func (s slabs[T]) view(t, n int) bijector.Mat[T] {
	tile := s[0].N
	if t < len(s)-1 {
		n = min(n, (t+1)*tile)
	}
	return view(s[t], n-t*tile)
}

// tileOf is tile t of a batch that lies elsewhere.
func tileOf[T bijector.Float](m bijector.Mat[T], t, tile int) bijector.Mat[T] {
	if m.Empty() || t == 0 && m.N <= tile {
		return m
	}
	return m.Samples(t*tile, min((t+1)*tile, m.N))
}

// eachTile runs f for the tiles of samples lo to hi; f's lo and hi count within a
// tile.
func eachTile(tile, lo, hi int, f func(t, lo, hi int)) {
	for lo < hi {
		t := lo / tile
		end := min((t+1)*tile, hi)
		f(t, lo-t*tile, end-t*tile)
		lo = end
	}
}
