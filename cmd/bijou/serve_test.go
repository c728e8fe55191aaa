package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/serve"
)

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitFor waits for a text behind the first so many bytes.
func (l *logged) waitFor(t *testing.T, want string, behind int) string {
	t.Helper()
	for range 1000 {
		if text := l.String(); strings.Contains(text[behind:], want) {
			return text
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%q is not in %s", want, l)
	return ""
}

// service is a command that serves.
type service struct {
	log  *logged
	url  string
	out  bytes.Buffer
	end  context.CancelFunc
	code chan int
}

func startService(t *testing.T, args ...string) *service {
	t.Helper()
	s := &service{log: new(logged), code: make(chan int, 1)}
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	t.Cleanup(end)
	go func() {
		s.code <- run(ctx, append([]string{"serve", "-addr", ":0", "-grace", "0"}, args...), command.Streams{Out: &s.out, Log: s.log})
	}()
	_, rest, _ := strings.Cut(s.log.waitFor(t, " model=", 0), "url=")
	s.url, _, _ = strings.Cut(rest, " ")
	return s
}

func (s *service) post(t *testing.T, path, body string) (model string, answer []byte) {
	t.Helper()
	r, err := http.Post(s.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	return r.Header.Get("Bijou-Model"), testkit.Must(io.ReadAll(r.Body))
}

// stop ends it.
func (s *service) stop(t *testing.T) {
	t.Helper()
	s.end()
	if code := <-s.code; code != command.Done || s.out.Len() > 0 {
		t.Errorf("code %d, output %q, log %s", code, s.out.String(), s.log)
	}
}

const servedRow = `{"colour":"red","size":2,"price":0.5,"weight":null,"sold":true,"when":"2024-05-03"}`

// TestServe: scores over HTTP are those of the command score.
func TestServe(t *testing.T) {
	path := filepath.Join(model(t), "model.safetensors")
	s := startService(t, path, "-watch", "0")
	if !strings.HasPrefix(s.url, "http://127.0.0.1:") {
		t.Errorf("it listens on %s", s.url)
	}
	_, text := s.post(t, "/v1/score", servedRow)
	var got, want struct {
		LogDensity float64 `json:"log_density"`
		PValue     float64 `json:"p_value"`
		Flag       bool
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	r := doWith(context.Background(), strings.NewReader(servedRow+"\n"), "score", "-model", path, "-")
	if err := json.Unmarshal([]byte(r.out), &want); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if !testkit.IsNear(got.LogDensity, want.LogDensity, 1e-3) || !testkit.IsNear(got.PValue, want.PValue, 1e-3) || got.Flag != want.Flag || got.LogDensity == 0 {
		t.Errorf("%+v over HTTP, %+v by the command", got, want)
	}
	s.stop(t)
	if !strings.Contains(s.log.String(), `drained and ended: all requests are answered" requests=1 rows=1`) {
		t.Errorf("%s", s.log)
	}
}

// TestServedFile: a new file takes the model's place, and a bad one does not.
func TestServedFile(t *testing.T) {
	raw := testkit.Must(os.ReadFile(filepath.Join(model(t), "model.safetensors")))
	path := write(t, "served.safetensors", string(raw))
	var log logged
	f := &servedFile{path: path, said: slog.New(slog.NewTextHandler(&log, nil)), errs: slog.New(slog.NewTextHandler(&log, nil))}
	first := testkit.Must(f.load())
	f.serving = first
	h := testkit.Must(serve.New(first, serve.Options{}))
	watch := func() (stop func()) {
		ctx, end := context.WithCancel(context.Background())
		var watching sync.WaitGroup
		watching.Add(1)
		go func() {
			defer watching.Done()
			f.watch(ctx, h, 2*time.Millisecond, nil)
		}()
		return func() { end(); watching.Wait() }
	}
	stop := watch()
	ask := func(row string) (string, int) {
		r := httptest.NewRequest("POST", "/v1/score", strings.NewReader(row))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Header().Get("Bijou-Model"), w.Code
	}
	told := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Body.String()
	}
	replace := func(text []byte, want string) {
		t.Helper()
		at := len(log.String())
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		log.waitFor(t, want, at)
	}
	replace(raw[:len(raw)-10], "the one before it stays") // a copy that is not done
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	log.waitFor(t, "the model's file is gone", 0)
	time.Sleep(10 * time.Millisecond)
	if n := strings.Count(log.String(), "is gone"); n != 1 {
		t.Errorf("the file that is gone is told %d times", n)
	}
	if name, code := ask(servedRow); name != first.Name || code != 200 {
		t.Errorf("behind a bad file: %s, %d", name, code)
	}
	var other bytes.Buffer
	layer := testkit.Must(autoregressive.MAF[float32](autoregressive.Recipe{Dim: 2, Seed: 1}))
	if err := registry.Write(&other, testkit.Must(flow.New(layer, distribution.StandardNormal[float32](2)))); err != nil {
		t.Fatal(err)
	}
	replace(other.Bytes(), "rows of a density, want those of a table")
	if name, code := ask(servedRow); name != first.Name || code != 200 {
		t.Errorf("behind a model of other rows: %s, %d", name, code)
	}
	if !strings.Contains(told("/v1/model"), `want those of a table`) || !strings.Contains(told("/metrics"), "bijou_model_refused 1\n") {
		t.Errorf("the refused model is not told: %s", told("/v1/model"))
	}
	replace(raw, "the model is replaced")
	if strings.Contains(told("/v1/model"), `"refused"`) || !strings.Contains(told("/metrics"), "bijou_model_refused 0\n") {
		t.Errorf("the model was replaced: %s", told("/v1/model"))
	}
	stop()
	f.other = true
	stop = watch()
	defer func() { stop() }()
	replace(other.Bytes(), "the model is replaced")
	if name, code := ask("[1,2]"); name == first.Name || code != 200 {
		t.Errorf("behind a new file: %s, %d", name, code)
	}
}

// TestServeHangup: SIGHUP loads the model again.
func TestServeHangup(t *testing.T) {
	if hangupSignal == nil {
		t.Skip("no SIGHUP")
	}
	s := startService(t, filepath.Join(model(t), "model.safetensors"), "-watch", "0")
	at := len(s.log.String())
	self := testkit.Must(os.FindProcess(os.Getpid()))
	if err := self.Signal(hangupSignal); err != nil {
		t.Fatal(err)
	}
	s.log.waitFor(t, "the model is replaced", at)
	s.stop(t)
}

// TestServeKinds: ensembles and latent models are served as flows are.
func TestServeKinds(t *testing.T) {
	layer := testkit.Must(autoregressive.MAF[float64](autoregressive.Recipe{Dim: 2, Seed: 1}))
	f := testkit.Must(flow.New(layer, distribution.StandardNormal[float64](2)))
	other := testkit.Must(flow.New(testkit.Must(autoregressive.MAF[float64](autoregressive.Recipe{Dim: 2, Seed: 2})), distribution.StandardNormal[float64](2)))
	identity := testkit.Must(autoencoder.NewIdentity[float64](autoencoder.IdentitySpec{Dim: 2}))
	for name, m := range map[string]any{
		"ensemble": testkit.Must(flow.NewEnsemble(flow.Mixing{}, f, other)), "latent": testkit.Must(autoencoder.NewLatent(identity, identity, f)),
	} {
		path := filepath.Join(t.TempDir(), "m.safetensors")
		if err := registry.Save(path, m); err != nil {
			t.Fatal(err)
		}
		if m, err := (&servedFile{path: path}).load(); err != nil || len(m.Name) != 16 {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := registry.Save(path, layer); err != nil {
		t.Fatal(err)
	}
	if _, err := (&servedFile{path: path}).load(); err == nil || !strings.Contains(err.Error(), "neither a table's density nor a flow") {
		t.Errorf("a layer: %v", err)
	}
}

// TestServeFlags: what keeps it from listening, in one line.
func TestServeFlags(t *testing.T) {
	file := filepath.Join(model(t), "model.safetensors")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{file, "-addr", "8080"}, command.WrongFlags, `-addr "8080": want host:port`},
		{[]string{file, "-addr", "127.0.0.1:http"}, command.WrongFlags, "want host:port"},
		{[]string{file, "-addr", "127.0.0.1:99999"}, command.WrongFlags, "want host:port"},
		{[]string{file, "-addr", "192.0.2.1:0"}, command.Failed, "-addr 192.0.2.1:0: "},
		{[]string{"none.safetensors"}, command.Failed, "none.safetensors: there is no such file"},
		{[]string{t.TempDir()}, command.Failed, "it is no regular file"},
		{[]string{filepath.Join(model(t), "data.csv")}, command.Failed, "data.csv: "},
	} {
		if r := do(append([]string{"serve"}, c.args...)...); r.code != c.code || !strings.Contains(r.log, c.want) || strings.Count(r.log, "\n") != 1 {
			t.Errorf("%v: %+v", c.args, r)
		}
	}
	s := startService(t, file, "-quiet=false")
	defer s.stop(t)
	if r := do("serve", file, "-addr", strings.TrimPrefix(s.url, "http://")); r.code != command.Failed || !strings.Contains(r.log, "address already in use") {
		t.Errorf("an address that is taken: %+v", r)
	}
	for addr, want := range map[string][2]string{
		":80": {"tcp4", "127.0.0.1:80"}, "0.0.0.0:80": {"tcp4", "0.0.0.0:80"}, "[::]:80": {"tcp6", "[::]:80"}, "localhost:0": {"tcp", "localhost:0"},
	} {
		if network, exact, err := command.ListenOn(addr); network != want[0] || exact != want[1] || err != nil {
			t.Errorf("%s: %s, %s, %v", addr, network, exact, err)
		}
	}
}
