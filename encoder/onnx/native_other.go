//go:build !((linux || darwin) && (amd64 || arm64))

// Systems on which ONNX Runtime is not called.

package bijouonnx

import (
	"fmt"
	"runtime"

	"github.com/bijou-flow/bijou/bijector"
)

type library struct{}

func openLibrary(string) (*library, error) {
	return nil, fmt.Errorf("%s/%s is not Linux or macOS on amd64 or arm64", runtime.GOOS, runtime.GOARCH)
}

func newNativeSession(n *network, _ *library) (session, error) {
	return nil, fmt.Errorf("bijouonnx: %s: no ONNX Runtime here: %w", n.file, bijector.ErrSpec)
}
