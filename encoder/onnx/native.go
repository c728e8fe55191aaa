// ONNX Runtime in the place of gomlx: which library runs the models.

package bijouonnx

import (
	"fmt"
	"regexp"
	"sync"

	"github.com/bijou-flow/bijou/bijector"
)

// onnxRuntime is the library that runs the models made from now on.
var onnxRuntime native

type native struct {
	mu     sync.Mutex
	file   string // "": gomlx
	opened map[string]*library
}

// UseONNXRuntime runs encoders and decoders that are made from then on, loaded
// ones too, by ONNX Runtime, whose shared library is at path: libonnxruntime.so
// of its releases, of its packages for Python and for Node. "" is gomlx again.
// The library is opened while the program runs, without cgo, on Linux and macOS
// (amd64, arm64); elsewhere, and for what is no such library, UseONNXRuntime
// returns bijector.ErrSpec and changes nothing.
func UseONNXRuntime(path string) error {
	n := &onnxRuntime
	n.mu.Lock()
	defer n.mu.Unlock()
	if path != "" && n.opened[path] == nil {
		l, err := openLibrary(path)
		if err != nil {
			return fmt.Errorf("bijouonnx: %s cannot be used as ONNX Runtime: %w: %w", path, err, bijector.ErrSpec)
		}
		if n.opened == nil {
			n.opened = map[string]*library{}
		}
		n.opened[path] = l
	}
	n.file = path
	return nil
}

// current is the library in use and its path, "" for gomlx.
func (n *native) current() (*library, string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opened[n.file], n.file
}

var unregistered = regexp.MustCompile(`No Op registered for (\S+)|:?([\w.]+)\(-?\d+\) is not a registered`)

// refused is the error for what ONNX Runtime says of a model.
func (n *network) refused(cause error) error {
	if m := unregistered.FindStringSubmatch(cause.Error()); m != nil {
		return fmt.Errorf("bijouonnx: %s: the operator %s is not in this ONNX Runtime; take a later one, name an Output before that operator, or export the network without it: %w: %w",
			n.file, m[1]+m[2], ErrOperator, bijector.ErrSpec)
	}
	return fmt.Errorf("bijouonnx: %s cannot be run by ONNX Runtime: %w: %w", n.file, cause, bijector.ErrSpec)
}
