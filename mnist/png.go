// Writing a grid to a PNG file, whole or not at all.

package mnist

import (
	"fmt"
	"image"
	"image/png"
	"io"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/atomicfile"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// WritePNG draws x as Draw does and writes the picture to path. The file
// appears complete or not at all: an older one is replaced only when the new
// one is on the disk.
func (g Grid) WritePNG(path string, x tensor.Tensor) error {
	img, err := g.Draw(x)
	if err != nil {
		return err
	}
	return WritePNG(path, img)
}

// WritePNG writes img to path as Grid.WritePNG does.
func WritePNG(path string, img image.Image) error {
	if nilcheck.IsNil(img) {
		return fmt.Errorf("mnist: no picture to write: %w", bijector.ErrSpec)
	}
	err := atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, img) })
	if err != nil {
		return fmt.Errorf("mnist: picture: %w", err)
	}
	return nil
}
