// Which pixels a convolution brings together. Both directions, convolution and
// transpose, are a relation between a big image and a small one:
//
//	big pixel (s*i+u-p, s*j+v-p)  <-  tap (u, v)  ->  small pixel (i, j).

package nn

import (
	"fmt"
	"slices"
)

// image is a plane of features.
type image struct {
	c, h, w int
	last    bool // channels last: feature (y*w+x)*c+ch instead of (ch*h+y)*w+x
}

func (m image) features() int { return m.c * m.h * m.w }

// featureCount is features before it is known to be small.
func (m image) featureCount() float64 { return float64(m.c) * float64(m.h) * float64(m.w) }

func (m image) String() string { return fmt.Sprintf("%dx%dx%d", m.c, m.h, m.w) }

// strides are the features from a pixel to the next and from a channel to the
// next.
func (m image) strides() (pixel, channel int) {
	if m.last {
		return m.c, 1
	}
	return 1, m.h * m.w
}

// tap is a place in the kernel.
type tap struct{ u, v int }

// geometry is the relation of the two images.
type geometry struct {
	big, small     image
	k, stride, pad int
	taps           []tap // class by class
	classStart     []int // the taps of class i are taps[classStart[i]] up to the next
	// board: of the small image the pixels (i, j) with i+j+parity even count
	// alone, as on one colour of a checkerboard. Then classes go by u+v.
	board  bool
	parity int
}

// newGeometry sorts the taps by class. A big pixel in row y meets the taps
// with u = y+pad modulo the stride alone, and likewise for columns: pixels and
// taps fall into stride^2 classes, and within a class every pixel meets every
// tap.
func newGeometry(big, small image, k, stride, pad int) geometry {
	g := geometry{big: big, small: small, k: k, stride: stride, pad: pad}
	for i := range stride {
		for j := range stride {
			g.classStart = append(g.classStart, len(g.taps))
			for u := i; u < k; u += stride {
				for v := j; v < k; v += stride {
					g.taps = append(g.taps, tap{u, v})
				}
			}
		}
	}
	g.classStart = append(g.classStart, len(g.taps))
	return g
}

// onBoard is the relation to one colour of the small image, at stride 1, and where
// each of its taps stands among those of g. Tap (u, v) leads from big pixel (y, x) to
// a small one of the parity of y+x-u-v: the taps with u+v even and those with u+v odd
// are two classes, and a big pixel meets one of them, about half of the taps.
func (g *geometry) onBoard(parity int) (b geometry, from []int) {
	b = *g
	b.board, b.parity, b.taps, b.classStart = true, parity, nil, nil
	for odd := range 2 {
		b.classStart = append(b.classStart, len(b.taps))
		for i, t := range g.taps {
			if (t.u+t.v)%2 == odd {
				b.taps, from = append(b.taps, t), append(from, i)
			}
		}
	}
	b.classStart = append(b.classStart, len(b.taps))
	return b, from
}

// counts tells whether small pixel p does.
func (g *geometry) counts(p int) bool {
	return !g.board || (p/g.small.w+p%g.small.w+g.parity)%2 == 0
}

// class is that of big pixel (y, x).
func (g *geometry) class(y, x int) int {
	if g.board {
		return (y + x + g.parity) % 2 // twice the padding is even
	}
	return (y+g.pad)%g.stride*g.stride + (x+g.pad)%g.stride
}

// bigPixel is where tap t of small pixel p lies, or -1 outside of the image.
func (g *geometry) bigPixel(p int, t tap) int {
	y := p/g.small.w*g.stride + t.u - g.pad
	x := p%g.small.w*g.stride + t.v - g.pad
	if y < 0 || x < 0 || y >= g.big.h || x >= g.big.w {
		return -1
	}
	return y*g.big.w + x
}

// smallPixel is the one that big pixel p reaches by tap t of its class, or -1
// outside of the image.
func (g *geometry) smallPixel(p int, t tap) int {
	y := p/g.big.w + g.pad - t.u
	x := p%g.big.w + g.pad - t.v
	if y < 0 || x < 0 || y >= g.small.h*g.stride || x >= g.small.w*g.stride {
		return -1
	}
	return y/g.stride*g.small.w + x/g.stride
}

// patch lists the rows that one output pixel reads, as kernel.GemmIndirect
// wants them: row l begins at base+rows[l]. Pixels far from the border have
// the same rows at another base, and share them.
type patch struct {
	base, class int
	rows        []int
}

// downPatches are the patches of the small image's pixels over a batch of big
// images with ld samples a feature and a row of zeros after the last feature.
// The order of the rows is (channel, tap), that of the weight. Pixels that do not
// count have none.
func (g *geometry) downPatches(ld int) []patch {
	pixel, channel := g.big.strides()
	list := make([]patch, g.small.h*g.small.w)
	b := newPatcher(1, g.big.features()*ld)
	for p := range list {
		if !g.counts(p) {
			continue
		}
		for c := range g.big.c {
			for _, t := range g.taps {
				b.add(g.bigPixel(p, t), pixel*ld, c*channel*ld)
			}
		}
		list[p] = b.patch(0)
	}
	return list
}

// upPatches are the patches of the big image's pixels over a batch of small
// images. The order of the rows is (tap of the class, channel). Pixels that no
// tap leads to have none.
func (g *geometry) upPatches(ld int) []patch {
	pixel, channel := g.small.strides()
	list := make([]patch, g.big.h*g.big.w)
	b := newPatcher(len(g.classStart)-1, g.small.features()*ld)
	for p := range list {
		class := g.class(p/g.big.w, p%g.big.w)
		for _, t := range g.taps[g.classStart[class]:g.classStart[class+1]] {
			for c := range g.small.c {
				b.add(g.smallPixel(p, t), pixel*ld, c*channel*ld)
			}
		}
		list[p] = b.patch(class)
	}
	return list
}

// patcher collects the rows of a patch. Those of one class that miss the border
// differ by their base alone, and share the rest.
type patcher struct {
	zero   int // offset of the row of zeros
	rows   []int
	border bool
	shared [][]int // by class
}

func newPatcher(classes, zero int) *patcher {
	return &patcher{zero: zero, shared: make([][]int, classes)}
}

func (b *patcher) add(pixel, step, offset int) {
	if pixel < 0 {
		b.border = true
		b.rows = append(b.rows, b.zero)
		return
	}
	b.rows = append(b.rows, pixel*step+offset)
}

func (b *patcher) patch(class int) patch {
	defer func() { b.rows, b.border = b.rows[:0], false }()
	p := patch{class: class}
	if len(b.rows) == 0 {
		return p
	}
	if b.border {
		p.rows = slices.Clone(b.rows)
		return p
	}
	p.base = slices.Min(b.rows)
	for i := range b.rows {
		b.rows[i] -= p.base
	}
	if b.shared[class] == nil {
		b.shared[class] = slices.Clone(b.rows)
	}
	p.rows = b.shared[class]
	return p
}
