// Files for readers that nobody means well with: pipes that nobody writes to,
// and files with holes that take no room.

package testkit

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Sparse makes a file of size bytes that begins with head and goes on with a
// hole. It skips the test where the file system has none so large.
func Sparse(t testing.TB, path string, head []byte, size int64) {
	t.Helper()
	if err := os.WriteFile(path, head, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Skipf("no file of %d bytes can be made here: %v", size, err)
	}
}

// Vast writes a safetensors file with one tensor more than raw, whose values
// are a hole of so many bytes. entry is its name, type and shape, as the header
// has them: "x":{"dtype":"F32","shape":[2]}.
func Vast(t testing.TB, path string, raw []byte, entry string, bytes int64) {
	t.Helper()
	n := int64(binary.LittleEndian.Uint64(raw))
	text, at := strings.TrimRight(string(raw[8:8+n]), " "), int64(len(raw))-8-n
	text = fmt.Sprintf(`%s,%s,"data_offsets":[%d,%d]}}`, strings.TrimSuffix(text, "}"), strings.TrimSuffix(entry, "}"), at, at+bytes)
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	head = append(append(head, text...), raw[8+n:]...)
	Sparse(t, path, head, int64(len(head))+bytes)
}

// Pipe makes a named pipe that nobody writes to, below t's directory. It skips
// the test on systems without.
func Pipe(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := mkfifo(path); err != nil {
		t.Skipf("no named pipes on %s: %v", runtime.GOOS, err)
	}
	return path
}

// Within fails the test where f takes longer than a time, or allocates more
// than so many bytes in all.
func Within(t testing.TB, what string, limit time.Duration, bytes uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan bool)
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("%s: not at its end after %v", what, limit)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > bytes {
		t.Errorf("%s: %d bytes were allocated, at most %d are allowed", what, got, bytes)
	}
}
