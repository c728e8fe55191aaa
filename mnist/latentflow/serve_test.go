//go:build unix

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/commandtest"
)

// TestServe starts a process, asks it for the page, and ends it by a signal.
func TestServe(t *testing.T) {
	for name, signal := range map[string]os.Signal{"interrupt": os.Interrupt, "term": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "serve", "-data", sliceOfMNIST(), "-model", filepath.Join(convModel(), modelFile), "-addr", ":0")
			cmd.Env = append(os.Environ(), asCommand+"=1")
			address := make(chan string, 1)
			log := &commandtest.Watched{See: addressIn(address)}
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			url := within(t, address, log)
			if !strings.HasPrefix(url, "http://127.0.0.1:") {
				t.Errorf("%s is not of this machine alone", url)
			}
			response, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "<h1>Digits from a flow</h1>") {
				t.Errorf("status %d (%v)\n%.300s", response.StatusCode, err, body)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil || out.Len() > 0 || strings.Contains(log.String(), "saves") || !strings.Contains(log.String(), "ended: all requests are answered") {
				t.Errorf("%v, want exit code 0 and nothing on standard output: %q\n%s", err, out.String(), log.String())
			}
		})
	}
}

// addressIn finds the page's address in a log.
func addressIn(found chan<- string) func(log string) {
	url := regexp.MustCompile(`open (http://\S+) in a browser`)
	return func(log string) {
		if m := url.FindStringSubmatch(log); m != nil {
			select {
			case found <- m[1]:
			default:
			}
		}
	}
}

func within(t *testing.T, found <-chan string, log *commandtest.Watched) string {
	t.Helper()
	select {
	case url := <-found:
		return url
	case <-time.After(time.Minute):
		t.Fatalf("no address within a minute\n%s", log.String())
		return ""
	}
}

// Where the port of the default is taken, the page has another one; a port that
// was asked for is an error.
func TestServeTakenPort(t *testing.T) {
	l, err := net.Listen("tcp4", defaultAddr)
	if err == nil {
		defer l.Close()
	} // or somebody else has it: as well
	flags := []string{"serve", "-data", sliceOfMNIST(), "-model", filepath.Join(convModel(), modelFile)}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	address := make(chan string, 1)
	see := addressIn(address)
	o := runUntil(ctx, func(log string) {
		if see(log); strings.Contains(log, "in a browser") {
			cancel()
		}
	}, flags...)
	if url := <-address; o.code != command.Done || strings.HasSuffix(url, ":8080") || !strings.Contains(o.log, defaultAddr+" is taken") {
		t.Errorf("code %d, %s\n%s", o.code, url, o.log)
	}
	if o := latentflow(append(flags, "-addr", defaultAddr)...); o.code != command.Failed || !strings.Contains(o.log, "-addr "+defaultAddr+": ") || !strings.Contains(o.log, "want an address of this machine that is free") {
		t.Errorf("code %d\n%s", o.code, o.log)
	}
}

func TestServeErrors(t *testing.T) {
	none := filepath.Join(t.TempDir(), "out", modelFile)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-model", none}, command.Failed, "there is no such file; train a model first, in some three minutes: go run ./mnist/latentflow train -out " + filepath.Dir(none) + "\n"},
		{[]string{"-addr", "localhost"}, command.WrongFlags, "want host:port"},
		{[]string{"-data", "nowhere", "-model", filepath.Join(convModel(), modelFile)}, command.Failed, "-data: "},
		{[]string{"-data", bars(t, 8, 8), "-model", filepath.Join(convModel(), modelFile)}, command.Failed, "the model was not trained on images of 8 x 8"},
		{[]string{"model"}, command.WrongFlags, "is no flag"},
	} {
		if o := latentflow(append([]string{"serve"}, c.args...)...); o.code != c.code || !strings.Contains(o.log, c.want) {
			t.Errorf("%v: code %d\n%s", c.args, o.code, o.log)
		}
	}
}
