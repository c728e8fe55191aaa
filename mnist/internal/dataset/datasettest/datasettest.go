// Package datasettest writes data sets for the tests of MNIST's commands.
package datasettest

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/bijou-flow/bijou/mnist"
)

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
