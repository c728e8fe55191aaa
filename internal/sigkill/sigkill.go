// Package sigkill lets a test run its own binary again and kill it at a random
// moment, as the system does when memory runs out. Tests that use it have
// Killed in their names:
//
//	BIJOU_KILLS=500 go test -v -run Killed ./train ./registry
package sigkill

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

const (
	argEnv   = "BIJOU_KILLED" // in the environment of a process to be killed
	killsEnv = "BIJOU_KILLS"
)

// Kills is how many a test is to make: few, unless the environment asks for
// more.
func Kills(few int) int {
	if n, err := strconv.Atoi(os.Getenv(killsEnv)); err == nil && n > 0 {
		return n
	}
	return few
}

// Victim returns what Start was given, in a process that it started.
func Victim() (arg string, ok bool) { return os.LookupEnv(argEnv) }

// Ready tells Start that the work has begun.
func Ready() { os.Stdout.WriteString("\nready\n") }

// Process is a test that was started again.
type Process struct {
	t   testing.TB
	cmd *exec.Cmd
	out *bufio.Reader
}

// Start runs a test of this binary in a process of its own, where Victim
// returns arg, and returns when it calls Ready.
func Start(t testing.TB, test, arg string, env ...string) *Process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.count=1")
	cmd.Env = append(append(os.Environ(), argEnv+"="+arg), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, cmd: cmd, out: bufio.NewReader(out)}
	for line := ""; line != "ready\n"; {
		if line, err = p.out.ReadString('\n'); err != nil {
			rest, _ := io.ReadAll(p.out)
			cmd.Wait()
			t.Fatalf("%s ended before it was ready: %q %s", test, line, rest)
		}
	}
	return p
}

// Kill kills the process within a time, and reports whether it still ran.
func (p *Process) Kill(rng *rand.Rand, within time.Duration) bool {
	time.Sleep(time.Duration(rng.Int64N(int64(within))))
	p.cmd.Process.Kill()
	io.Copy(io.Discard, p.out)
	return p.cmd.Wait() != nil
}

// Wait lets the process end by itself.
func (p *Process) Wait() {
	p.t.Helper()
	rest, _ := io.ReadAll(p.out)
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("%v: %s", err, rest)
	}
}
