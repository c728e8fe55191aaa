// Files that never end, and states that claim more memory than has come.

package torch_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/interop/torch"
	"github.com/bijou-flow/bijou/registry"
)

func TestPipeIsNoState(t *testing.T) {
	path := testkit.Pipe(t, "model.safetensors")
	testkit.Within(t, "a pipe", 10*time.Second, 1<<20, func() {
		if _, err := torch.Open(path); !errors.Is(err, registry.ErrFormat) {
			t.Error(err)
		}
	})
}

func TestSparseState(t *testing.T) {
	var raw bytes.Buffer
	items := []safetensors.Item{{Name: "a", Shape: []int{2}, Data: []float32{1, 2}}}
	raw.Write(must(safetensors.EncodeHeader(items, nil)))
	if err := safetensors.WriteData(&raw, items); err != nil {
		t.Fatal(err)
	}
	const values int64 = 50 << 30
	path := filepath.Join(t.TempDir(), "vast.safetensors")
	testkit.Vast(t, path, raw.Bytes(), fmt.Sprintf(`"more":{"dtype":"F32","shape":[%d]}`, values), 4*values)
	testkit.Within(t, "200 GB", 10*time.Second, 1<<20, func() {
		if _, err := torch.Open(path); !errors.Is(err, registry.ErrTooLarge) {
			t.Error(err)
		}
	})
	path = filepath.Join(t.TempDir(), "small.safetensors")
	testkit.Vast(t, path, raw.Bytes(), `"more":{"dtype":"F32","shape":[2048]}`, 8<<10)
	if _, err := torch.Open(path, torch.ReadOptions{MaxBytes: 8 << 10}); !errors.Is(err, registry.ErrTooLarge) {
		t.Errorf("a limit of the caller's: %v", err)
	}
	if _, err := torch.Open(path, torch.ReadOptions{MaxBytes: 9 << 10}); err != nil {
		t.Errorf("within the limit: %v", err)
	}
	for _, o := range [][]torch.ReadOptions{{{MaxBytes: -1}}, {{}, {}}} {
		if _, err := torch.Open(path, o...); !errors.Is(err, bijector.ErrSpec) {
			t.Errorf("options %v: %v", o, err)
		}
	}
}

// TestClaimedSize gives a header and few of the values that it tells of.
func TestClaimedSize(t *testing.T) {
	head := `{"a":{"dtype":"F32","shape":[268435456],"data_offsets":[0,1073741824]}}`
	raw := append([]byte{byte(len(head)), 0, 0, 0, 0, 0, 0, 0}, head...)
	raw = append(raw, make([]byte, 1<<20)...)
	testkit.Within(t, "a header of 1 GiB", 10*time.Second, 10<<20, func() {
		_, err := torch.Read(io.LimitReader(bytes.NewReader(raw), 1<<40), int64(8+len(head)+1<<30))
		if !errors.Is(err, registry.ErrFormat) {
			t.Error(err)
		}
	})
}
