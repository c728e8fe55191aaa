// Package commandtest is what the tests of commands have in common.
package commandtest

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"
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
