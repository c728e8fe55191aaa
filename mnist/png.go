// Writing a grid to a PNG file, whole or not at all.

package mnist

import (
	"bufio"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"gorgonia.org/tensor"
)

// WritePNG draws x as Draw does and writes the picture to path. The file
// appears complete or not at all: an older one is replaced only when the new
// one is on the disk.
func (g Grid) WritePNG(path string, x *tensor.Dense) error {
	img, err := g.Draw(x)
	if err != nil {
		return err
	}
	return WritePNG(path, img)
}

// WritePNG writes img to path as Grid.WritePNG does.
func WritePNG(path string, img image.Image) error {
	err := writeFile(path, func(w io.Writer) error { return png.Encode(w, img) })
	if err != nil {
		return fmt.Errorf("mnist: write %s: %w", path, err)
	}
	return nil
}

// writeFile has write fill a new file beside path, which takes path's name
// once it is on the disk. A failure removes it.
func writeFile(path string, write func(io.Writer) error) (err error) {
	// Not os.CreateTemp, whose files only their owner can read.
	tmp := fmt.Sprintf("%s.%016x.tmp", path, rand.Uint64())
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(tmp)
		}
	}()
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	// The rename lasts once the directory is on the disk. Some systems cannot
	// sync a directory; the file is whole either way.
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync()
		dir.Close()
	}
	return nil
}
