// Where the ONNX file of a saved model is found: by name and SHA-256.

package bijouonnx

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/registry"
)

// maxFile bounds what is read of a file: the limit of ONNX's format.
const maxFile = 1<<31 - 1

// places are the file systems that are searched, in the order they were added.
var places struct {
	sync.Mutex
	all []fs.FS
}

// AddFS adds a place where the ONNX files of saved models are looked for by
// their base names, such as os.DirFS("/var/models") or an embed.FS. A file
// counts only if its SHA-256 is the one that the model was saved with. A nil
// place is passed over, and one that is there already.
func AddFS(place fs.FS) {
	if place == nil {
		return
	}
	places.Lock()
	defer places.Unlock()
	if reflect.TypeOf(place).Comparable() && slices.ContainsFunc(places.all, func(p fs.FS) bool {
		return reflect.TypeOf(p).Comparable() && p == place
	}) {
		return
	}
	places.all = append(places.all, place)
}

// Load is registry.Load of a model whose ONNX files lie beside it, or where
// AddFS said. The model's directory is searched from then on.
func Load[M any](path string, o ...registry.LoadOptions) (M, error) {
	AddFS(os.DirFS(filepath.Dir(path)))
	return registry.Load[M](path, o...)
}

// sum is the SHA-256 of a file's bytes, in hexadecimal.
func sum(raw []byte) string {
	s := sha256.Sum256(raw)
	return hex.EncodeToString(s[:])
}

// readModel reads a file of bounded size.
func readModel(place fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(place, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile { // a pipe would be waited for
		return nil, fmt.Errorf("%d bytes of mode %v, want a regular file of %d bytes at most", info.Size(), info.Mode(), maxFile)
	}
	f, err := place.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// find reads the file of a spec.
func find(s EncoderSpec) ([]byte, error) {
	if s.File == "." || s.File != filepath.Base(s.File) || strings.ContainsAny(s.File, `/\`) || !fs.ValidPath(s.File) || len(s.SHA256) != 2*sha256.Size {
		return nil, fmt.Errorf("bijouonnx: a spec with the file %q and the SHA-256 %q, want the name of a file without directories and 64 digits: %w", s.File, s.SHA256, bijector.ErrSpec)
	}
	places.Lock()
	all := slices.Clone(places.all)
	places.Unlock()
	var looked, others []string
	for _, place := range all {
		raw, err := readModel(place, s.File)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			looked = append(looked, describe(place))
		case err != nil:
			looked = append(looked, fmt.Sprintf("%s (%v)", describe(place), err))
		case sum(raw) != s.SHA256:
			others = append(others, fmt.Sprintf("%s (SHA-256 %s)", describe(place), sum(raw)))
		default:
			return raw, nil
		}
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("bijouonnx: %s is another file than the model was saved with, whose SHA-256 is %s; found in %s; put the file back that it was trained on: %w: %w",
			s.File, s.SHA256, strings.Join(others, ", "), ErrFile, bijector.ErrSpec)
	}
	if len(looked) == 0 {
		looked = []string{"no place, as none was named"}
	}
	return nil, fmt.Errorf("bijouonnx: no %s with the SHA-256 %s; looked in %s; put it beside the model and call bijouonnx.Load, or name its place with bijouonnx.AddFS: %w: %w: %w",
		s.File, s.SHA256, strings.Join(looked, ", "), ErrFile, fs.ErrNotExist, bijector.ErrSpec)
}

// describe is a place in words.
func describe(place fs.FS) string {
	if v := reflect.ValueOf(place); v.Kind() == reflect.String {
		return v.String()
	}
	return fmt.Sprintf("%T", place)
}
