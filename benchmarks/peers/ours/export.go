// The scored models as ONNX.

package main

import (
	"os"
	"path/filepath"

	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/onnx"
)

// export writes the models that other runtimes score and draw from.
func export(dir string) error {
	for _, m := range []struct {
		file, flow string
		direction  onnx.Direction
	}{
		{"flow.onnx", "flow", onnx.Forward},
		{"flow-inverse.onnx", "flow", onnx.Inverse},
		{"maf.onnx", "maf", onnx.Forward},
		{"nsf.onnx", "nsf", onnx.Forward},
	} {
		f, err := flows[m.flow]()
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, m.file), f, m.direction); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, f *flow.Flow[float32], d onnx.Direction) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	return onnx.Export(file, f, d)
}
