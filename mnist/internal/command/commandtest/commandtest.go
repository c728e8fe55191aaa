// Package commandtest is what the tests of MNIST's commands have in common.
package commandtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/bijou-flow/bijou/mnist"
)

// Watched shows all that was written so far to See at every write.
type Watched struct {
	text bytes.Buffer
	See  func(string)
}

func (w *Watched) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)
	if w.See != nil {
		w.See(w.String())
	}
	return n, err
}

func (w *Watched) String() string { return w.text.String() }

// WriteIDX writes the four files of a data set.
func WriteIDX(dir string, train, test *mnist.Set) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	for prefix, s := range map[string]*mnist.Set{"train": train, "t10k": test} {
		head := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 3}, uint32(s.Len()))
		head = binary.BigEndian.AppendUint32(head, uint32(s.Height()))
		pixels := binary.BigEndian.AppendUint32(head, uint32(s.Width()))
		for i := range s.Len() {
			pixels = append(pixels, s.Image(i)...)
		}
		labels := append(binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, uint32(s.Len())), s.Labels()...)
		for name, data := range map[string][]byte{"images-idx3-ubyte": pixels, "labels-idx1-ubyte": labels} {
			if err := os.WriteFile(filepath.Join(dir, prefix+"-"+name), data, 0o644); err != nil {
				panic(err)
			}
		}
	}
}

// PNGSize decodes a picture and returns its width and height.
func PNGSize(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
	return fmt.Sprintf("%dx%d", img.Bounds().Dx(), img.Bounds().Dy())
}
