// Images within a chain: which shape a layer takes and which it leaves.

package bijector

import "fmt"

// checkShapes compares the image shapes of neighbours that have one. Layers
// without one, such as a batch norm, leave an image what it was; a part without
// one does not, since nothing is known of the image that it leaves.
func checkShapes[T Float](layers []Layer[T]) error {
	var c0, h0, w0 int
	for i, l := range layers {
		s, ok := l.(Shaped)
		if !ok {
			continue
		}
		c1, h1, w1 := s.InShape()
		if c0 > 0 && c1 > 0 && (c0 != c1 || h0 != h1 || w0 != w1) {
			return fmt.Errorf("bijector: layer %d (%T) takes images of %dx%dx%d, the chain has %dx%dx%d there: %w", i, l, c1, h1, w1, c0, h0, w0, ErrShape)
		}
		_, partial := l.(*Part[T])
		if c, h, w := s.OutShape(); c > 0 || partial {
			c0, h0, w0 = c, h, w
		}
	}
	return nil
}

// inShape and outShape are a layer's, or none.
func inShape[T Float](l Layer[T]) (c, h, w int) {
	if s, ok := l.(Shaped); ok {
		return s.InShape()
	}
	return 0, 0, 0
}

func outShape[T Float](l Layer[T]) (c, h, w int) {
	if s, ok := l.(Shaped); ok {
		return s.OutShape()
	}
	return 0, 0, 0
}

// InShape is that of the first member that has one.
func (c *Chain[T]) InShape() (ch, h, w int) {
	for _, l := range c.layers {
		if _, ok := l.(Shaped); ok {
			if ch, h, w = inShape(l); ch > 0 {
				return ch, h, w
			}
		}
	}
	return 0, 0, 0
}

// OutShape is that of the last member that has one, unless a part behind it
// has changed some of its image.
func (c *Chain[T]) OutShape() (ch, h, w int) {
	for i := len(c.layers) - 1; i >= 0; i-- {
		l := c.layers[i]
		_, partial := l.(*Part[T])
		if ch, h, w = outShape(l); ch > 0 || partial {
			return ch, h, w
		}
	}
	return 0, 0, 0
}

// InShape is the OutShape of the layer inside.
func (v *Inverted[T]) InShape() (c, h, w int) { return outShape(v.layer) }

// OutShape is the InShape of the layer inside.
func (v *Inverted[T]) OutShape() (c, h, w int) { return inShape(v.layer) }

// InShape is the whole image where the layer inside takes some of its channels.
func (p *Part[T]) InShape() (c, h, w int) { return p.imageShape(inShape(p.layer)) }

// OutShape is the whole image where the layer inside leaves its channels at the
// size of the others.
func (p *Part[T]) OutShape() (c, h, w int) {
	_, h0, w0 := p.InShape()
	if c, h, w = p.imageShape(outShape(p.layer)); h != h0 || w != w0 {
		return 0, 0, 0
	}
	return c, h, w
}

// imageShape is the image of which features lo to hi are channels of h by w, if it
// is one.
func (p *Part[T]) imageShape(c, h, w int) (int, int, int) {
	if c == 0 || p.lo%(h*w) != 0 || p.dim%(h*w) != 0 {
		return 0, 0, 0
	}
	return p.dim / (h * w), h, w
}
