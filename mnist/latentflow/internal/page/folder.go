// The page in a folder: the same files, and the model in WebAssembly for a server.

package page

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/registry"
)

// What the page asks in a folder: workers, in the place of a server.
//
//go:embed folder
var folder embed.FS

// Data is the name of the file that Pack writes, in a folder of the page.
const Data = "data.zip"

// Names of the files in Data.
const (
	modelName  = "model.safetensors"
	axesName   = "axes.safetensors"
	aboutName  = "about.json"
	pixelsName = "test.pixels"
	labelsName = "test.labels"
)

// packed is what there is in Data beside the model, its axes and the test images.
type packed struct {
	Name    string    `json:"name"`
	Height  int       `json:"height"` // of the test images
	Width   int       `json:"width"`
	Scores  []float64 `json:"scores"`
	Effects []float64 `json:"effects"`
}

// Files are those of the page in a folder, by name, but for the program, its
// support by Go, and Data.
func Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, from := range []struct {
		files embed.FS
		dir   string
	}{{static, "static"}, {folder, "folder"}} { // the folder's own come last
		entries, err := from.files.ReadDir(from.dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if files[e.Name()], err = from.files.ReadFile(from.dir + "/" + e.Name()); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// Pack writes the model, and all that the page measured when it was made.
func (p *Page) Pack(w io.Writer) error {
	e := p.engine
	about, err := json.Marshal(packed{Name: e.Name, Height: e.height, Width: e.width, Scores: e.scores, Effects: e.effects})
	if err != nil {
		return err
	}
	bytesTo := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(b); return err }
	}
	parts := map[string]func(io.Writer) error{
		modelName: func(w io.Writer) error { return registry.Write(w, e.Model) },
		axesName:  func(w io.Writer) error { return registry.Write(w, e.axes) },
		aboutName: bytesTo(about),
		pixelsName: func(w io.Writer) (err error) {
			for i := 0; i < e.Test.Len() && err == nil; i++ {
				_, err = w.Write(e.Test.Image(i))
			}
			return err
		},
		labelsName: bytesTo(e.Test.Labels()),
	}
	z := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		part, err := z.Create(name)
		if err == nil {
			err = parts[name](part)
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// Local answers what the page asks without a server.
type Local struct {
	engine *engine
	err    error // why there is no engine
}

// Open reads what Pack wrote. Where it cannot, each answer says why.
func Open(data []byte) *Local {
	e, err := unpack(data)
	if err != nil {
		err = fmt.Errorf("%s: %w", Data, err)
	}
	return &Local{e, err}
}

func unpack(data []byte) (*engine, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	parts := map[string][]byte{}
	for _, name := range []string{modelName, axesName, aboutName, pixelsName, labelsName} {
		if parts[name], err = fs.ReadFile(z, name); err != nil {
			return nil, err
		}
	}
	var about packed
	if err := json.Unmarshal(parts[aboutName], &about); err != nil {
		return nil, err
	}
	o := Options{Name: about.Name}
	if o.Model, err = read[*autoencoder.Latent[float32]](parts[modelName]); err != nil {
		return nil, err
	}
	axes, err := read[*autoencoder.PCA[float32]](parts[axesName])
	if err != nil {
		return nil, err
	}
	if o.Test, err = mnist.NewSet(mnist.Images{Height: about.Height, Width: about.Width, Pixels: parts[pixelsName]}, parts[labelsName]); err != nil {
		return nil, err
	}
	e := outline(o)
	return e, e.take(axes, about.Scores, about.Effects)
}

func read[M any](data []byte) (M, error) {
	return registry.Read[M](bytes.NewReader(data), int64(len(data)))
}

// Answer is what a server would answer to a body at a route below /api, in JSON.
func (l *Local) Answer(route string, body []byte) []byte {
	answer, err := l.answer("/api/"+route, body)
	if err == nil {
		var text []byte
		if text, err = json.Marshal(answer); err == nil {
			return text
		}
	}
	return problemOf(err).text()
}

func (l *Local) answer(path string, body []byte) (any, error) {
	switch {
	case l.err != nil:
		return nil, &problem{status: http.StatusInternalServerError, Code: "data", Given: l.err.Error(), Want: "a folder as latentflow page writes it", Do: "write it again"}
	case path == "/api/model":
		return l.engine.describe(), nil
	case routes[path] == nil:
		return nil, errors.New("no route " + path)
	}
	return routes[path](context.Background(), l.engine, body)
}
