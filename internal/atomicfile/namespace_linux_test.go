// Two containers that share a volume: processes with one number in two
// namespaces.

package atomicfile

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const seriesEnv = "BIJOU_SERIES" // the path that a process of its own is to write

// TestTwoFirstProcesses has two processes write one file, each number 1 of
// its own namespace.
func TestTwoFirstProcesses(t *testing.T) {
	if path, ok := os.LookupEnv(seriesEnv); ok {
		if os.Getpid() != 1 {
			t.Fatalf("the process is number %d of its namespace", os.Getpid())
		}
		if err := series(path, strings.Repeat("x", 20_000), 60); err != nil {
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "m")
	var all [2]*exec.Cmd
	var out [2]bytes.Buffer
	for i := range all {
		all[i] = exec.Command(os.Args[0], "-test.run=^TestTwoFirstProcesses$")
		all[i].Env = append(os.Environ(), seriesEnv+"="+path)
		all[i].Stdout, all[i].Stderr = &out[i], &out[i]
		all[i].SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWUSER}
		err := all[i].Start()
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
			t.Skipf("the system allows no namespaces here: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v: %s", i, err, &out[i])
		}
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("files %q", left)
	}
}
