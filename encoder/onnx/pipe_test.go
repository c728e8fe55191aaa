//go:build unix

package bijouonnx

// What is no regular file is refused without waiting for it.

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := OpenEncoder[float32](path, Options{}); !errors.Is(err, ErrFile) {
		t.Errorf("%v, want %v", err, ErrFile)
	}
}
