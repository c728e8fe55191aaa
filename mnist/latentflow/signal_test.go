//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/internal/command/commandtest"
)

// TestSignal interrupts a process: it saves what was trained and says so.
func TestSignal(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], tiny(sliceOfMNIST(), "-ae-epochs", "100000", "-out", dir)...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var out bytes.Buffer
	started := make(chan bool)
	var once sync.Once
	log := &commandtest.Watched{See: func(log string) {
		if strings.Contains(log, "autoencoder 1/") {
			once.Do(func() { close(started) })
		}
	}}
	cmd.Stdout, cmd.Stderr = &out, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-started:
	case <-time.After(time.Minute):
		cmd.Process.Kill()
		t.Fatal("no epoch within a minute")
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("%v, want exit status 130\n%s", err, log.String())
	}
	dir = filepath.Join(dir, "unfinished")
	if want := "latentflow train: interrupted; what was trained until then is in " + dir + "\n"; !strings.HasSuffix(log.String(), want) {
		t.Errorf("%q does not end in %q", log.String(), want)
	}
	if !strings.Contains(log.String(), "\ninterrupted: ending") || !strings.Contains(log.String(), "once more ends at once") {
		t.Errorf("no word at once: %q", log.String())
	}
	if !strings.Contains(out.String(), filepath.Join(dir, modelFile)) || !readMetrics(t, dir).Interrupted {
		t.Errorf("standard output %q", out.String())
	}
	modelIn(t, dir)
}
