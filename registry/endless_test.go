// Files that never end, and readers that claim more than they have.

package registry_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
)

func TestPipeIsNoModel(t *testing.T) {
	path := testkit.Pipe(t, "model.safetensors")
	testkit.Within(t, "a pipe", 10*time.Second, 1<<20, func() {
		_, err := registry.LoadFlow[float32](path)
		wantError(t, "a pipe", err, registry.ErrFormat, "no regular file")
	})
}

// TestSparseModel loads a file of a terabyte, nearly all of it a hole.
func TestSparseModel(t *testing.T) {
	raw := saved(t, smallFlow[float32]())
	path := filepath.Join(t.TempDir(), "vast.safetensors")
	testkit.Vast(t, path, raw, fmt.Sprintf(`"more":{"dtype":"F64","shape":[%d]}`, int64(1)<<37), 1<<40)
	testkit.Within(t, "a terabyte", 10*time.Second, 1<<20, func() {
		_, err := registry.LoadFlow[float32](path)
		wantError(t, "a terabyte", err, registry.ErrTooLarge, "LoadOptions.MaxBytes")
	})
	path = filepath.Join(t.TempDir(), "small.safetensors")
	testkit.Vast(t, path, raw, `"more":{"dtype":"F64","shape":[1024]}`, 8<<10)
	_, err := registry.LoadFlow[float32](path, registry.LoadOptions{MaxBytes: 8 << 10})
	wantError(t, "a limit of the caller's", err, registry.ErrTooLarge, "8192")
	_, err = registry.LoadFlow[float32](path, registry.LoadOptions{MaxBytes: 16 << 10})
	wantError(t, "within the limit", err, registry.ErrChecksum, `"more"`)
	_, err = registry.LoadFlow[float32](path, registry.LoadOptions{MaxBytes: -1})
	wantError(t, "a negative limit", err, bijector.ErrSpec, "MaxBytes")
}

// endless gives a file's bytes and then zeros without an end.
type endless struct{ head *bytes.Reader }

func (e endless) Read(p []byte) (int, error) {
	if e.head.Len() > 0 {
		return e.head.Read(p)
	}
	clear(p)
	return len(p), nil
}

// TestReaderGoesOn reads no further than the size that was given.
func TestReaderGoesOn(t *testing.T) {
	raw := saved(t, smallFlow[float32]())
	testkit.Within(t, "a reader without an end", 10*time.Second, 1<<20, func() {
		if _, err := registry.Read[*flow.Flow[float32]](endless{bytes.NewReader(raw)}, int64(len(raw))); err != nil {
			t.Error(err)
		}
	})
	r := bytes.NewReader(append(bytes.Clone(raw), "and more"...))
	if _, err := registry.Read[*flow.Flow[float32]](r, int64(len(raw))); err != nil || r.Len() != len("and more") {
		t.Errorf("%v, %d bytes left, want 8", err, r.Len())
	}
}

// TestClaimedSize gives the header of a large model and nothing behind it: what
// is claimed follows what has come, not the size that somebody names.
func TestClaimedSize(t *testing.T) {
	raw := saved(t, wideFlow())
	h, err := safetensors.ReadHeader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	head := raw[:8+len(h.Text)]
	testkit.Within(t, "a header alone", 10*time.Second, 1<<20, func() {
		_, err := registry.Read[*flow.Flow[float32]](io.LimitReader(bytes.NewReader(head), 1<<40), int64(len(raw)))
		wantError(t, "a header alone", err, registry.ErrFormat, "ends early")
	})
	long := append([]byte{0, 0, 0, 5, 0, 0, 0, 0}, "{"...)
	testkit.Within(t, "a header's length alone", 10*time.Second, 3<<20, func() {
		_, err := registry.Read[*flow.Flow[float32]](io.LimitReader(bytes.NewReader(long), 1<<40), 1<<30)
		wantError(t, "a header's length alone", err, registry.ErrFormat, "ends early")
	})
}
