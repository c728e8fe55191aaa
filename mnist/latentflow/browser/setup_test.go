// Package browser tests the live page of latentflow in headless Chromium.
//
//	go test ./...                              with a small model, trained in seconds
//	PAGE_MODEL=FILE go test ./...              with one's own
//	PAGE_PICTURES=DIR go test ./...            and pictures of the page in DIR
package browser

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// The page's address, the folder of the same page and the browser, all of
// TestMain.
var (
	address  string
	folder   string
	chromium context.Context
)

func TestMain(m *testing.M) {
	code, err := withPage(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withPage builds latentflow, trains a small model unless there is one, serves
// its page for as long as f takes, and ends it by SIGTERM.
func withPage(f func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "latentflow-browser-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	program, model := filepath.Join(dir, "latentflow"), os.Getenv("PAGE_MODEL")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	if model == "" {
		model = filepath.Join(dir, "out", "model.safetensors")
		train := exec.Command(program, "train", "-out", filepath.Dir(model), "-limit", "3000", "-ae-epochs", "2", "-flow-epochs", "3", "-layers", "4", "-hidden", "50")
		if out, err := train.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%w\n%s", err, out)
		}
	}
	folder = filepath.Join(dir, "page")
	write := exec.Command(program, "page", "-model", model, "-out", folder)
	write.Dir = ".."
	if out, err := write.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	serve := exec.Command(program, "serve", "-model", model, "-addr", "127.0.0.1:0")
	log, err := serve.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := serve.Start(); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(log)
	for address == "" && lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "http://"); ok {
			address = "http://" + strings.Fields(rest)[0]
		}
	}
	go func() {
		for lines.Scan() { // so that the process never waits
		}
	}()
	if address == "" {
		return 0, errors.Join(errors.New("serve said no address"), serve.Wait())
	}
	// Chromium's sandbox is not for the user root, who runs this in containers.
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WSURLReadTimeout(time.Minute))...)
	defer cancel()
	chromium, cancel = chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Run(chromium); err != nil {
		return 0, fmt.Errorf("chromium: %w", errors.Join(err, serve.Process.Kill()))
	}
	code = f()
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		return code, err
	}
	if err := serve.Wait(); err != nil {
		return code, fmt.Errorf("serve after SIGTERM: %w, want exit code 0", err)
	}
	return code, nil
}

// tab is one of Chromium's, with the page in it, and what went wrong in it.
type tab struct {
	*testing.T
	ctx      context.Context
	address  string
	mu       sync.Mutex
	problems []string
	requests int
}

// look of a page: a window, and the colours that the reader prefers.
type look struct {
	width, height int64
	scheme        string
	touch         bool
}

var desktop = look{width: 1280, height: 900, scheme: "light"}

// open opens the page of serve.
func open(t *testing.T, l look) *tab {
	t.Helper()
	return openAt(t, l, address)
}

// openAt opens a page. When the test ends, it fails for errors of the console,
// and for requests to anybody but the page's server.
func openAt(t *testing.T, l look, address string) *tab {
	t.Helper()
	b := visit(t, l, address)
	b.wait(`document.getElementById("move-density").textContent.includes("nats") && document.getElementById("walk-time").textContent.includes("ms")`)
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			t.Error(p)
		}
		if b.requests < 5 {
			t.Errorf("%d requests were seen", b.requests)
		}
	})
	return b
}

// visit goes to a page, whatever comes of it.
func visit(t *testing.T, l look, address string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx, address: address}
	chromedp.ListenTarget(ctx, b.hear)
	b.do(
		network.Enable(), cdplog.Enable(),
		emulation.SetDeviceMetricsOverride(l.width, l.height, 1, l.touch),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}),
		emulation.SetTouchEmulationEnabled(l.touch),
		page.BringToFront(), // nothing is drawn in tabs behind another
		chromedp.Navigate(address),
	)
	return b
}

// hear collects what is wrong.
func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if b.requests++; !strings.HasPrefix(e.Request.URL, b.address+"/") {
			b.problems = append(b.problems, "a request to "+e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			b.problems = append(b.problems, fmt.Sprintf("%s: status %d", e.Response.URL, e.Response.Status))
		}
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		b.problems = append(b.problems, fmt.Sprintf("console: %s", e.Type))
	case *cdplog.EventEntryAdded:
		b.problems = append(b.problems, "log: "+e.Entry.Text+" "+e.Entry.URL)
	}
}

// asked is how many requests there were.
func (b *tab) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests
}

// do runs actions.
func (b *tab) do(actions ...chromedp.Action) {
	b.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// value is that of an expression of JavaScript; a promise is waited for.
func value[V any](b *tab, expression string) (v V) {
	b.Helper()
	b.do(chromedp.Evaluate(expression, &v, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return v
}

// wait waits until an expression is true.
func (b *tab) wait(expression string) {
	b.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if value[bool](b, expression) {
			return
		}
	}
	b.Fatalf("this did not come true: %.200s", expression)
}

// pixels are those of a canvas, as text.
func (b *tab) pixels(id string) string {
	return value[string](b, fmt.Sprintf("document.getElementById(%q).toDataURL()", id))
}

// changes fails unless a canvas changes by an action.
func (b *tab) changes(id string, act func()) {
	b.Helper()
	before := b.pixels(id)
	act()
	b.wait(fmt.Sprintf("document.getElementById(%q).toDataURL() !== %q", id, before))
}

// picture writes one of the whole page, if pictures are asked for.
func (b *tab) picture(name string) {
	dir := os.Getenv("PAGE_PICTURES")
	if dir == "" {
		return
	}
	var window, whole []byte
	b.do(chromedp.CaptureScreenshot(&window), chromedp.FullScreenshot(&whole, 100))
	for n, data := range map[string][]byte{name: window, name + "-whole": whole} {
		if err := os.WriteFile(filepath.Join(dir, n+".png"), data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}
