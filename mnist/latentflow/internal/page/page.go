// Page: the handler, and who may ask it.

package page

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
)

//go:embed static
var static embed.FS

// Page answers the page's requests. It is safe for any number of goroutines.
type Page struct {
	engine *engine
	files  http.Handler
	turns  chan struct{} // one for each request that computes
}

// New makes the page of a model. It scores the test images once, which takes a
// second or two.
func New(o Options) (*Page, error) {
	e, err := newEngine(o)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	return &Page{engine: e, files: http.FileServerFS(files), turns: make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// headers keep the page to itself: nothing is loaded from elsewhere, and no
// other page shows this one or reads its answers.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"Cache-Control":                "no-cache",
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for k, v := range headers {
		w.Header().Set(k, v)
	}
	if err := p.admit(r); err != nil {
		problemOf(err).send(w)
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		if err := allow(w, r, http.MethodGet, http.MethodHead); err != nil {
			problemOf(err).send(w)
			return
		}
		p.files.ServeHTTP(w, r)
		return
	}
	answer, err := p.answer(w, r)
	var text []byte
	if err == nil {
		text, err = json.Marshal(answer)
	}
	if err != nil {
		problemOf(err).send(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(text, '\n'))
}

// admit refuses requests by a name that is not this server's, which are those
// of a foreign page whose name was made to point here (DNS rebinding), and those
// that a foreign page sent.
func (p *Page) admit(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	_, err := netip.ParseAddr(host)
	if err != nil && !strings.EqualFold(host, "localhost") && (host == "" || !strings.EqualFold(host, p.engine.Host)) {
		return &problem{
			status: http.StatusMisdirectedRequest, Code: "host", Given: fmt.Sprintf("a request to %q", r.Host),
			Want: "one to an address in numbers, or to localhost", Do: "open the address that serve printed; -addr NAME:PORT lets the page be asked for by that name",
		}
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if from, err := url.Parse(origin); err != nil || from.Host != r.Host {
			return &problem{
				status: http.StatusForbidden, Code: "origin", Given: fmt.Sprintf("a request of a page of %q", origin),
				Want: "one of this server's own page", Do: "open that",
			}
		}
	}
	return nil
}

// allow checks the method.
func allow(w http.ResponseWriter, r *http.Request, methods ...string) error {
	for _, m := range methods {
		if r.Method == m {
			return nil
		}
	}
	want := strings.Join(methods, ", ")
	w.Header().Set("Allow", want)
	return &problem{status: http.StatusMethodNotAllowed, Code: "method", Given: r.Method, Want: want, Do: "ask with that"}
}

// answer is what a request below /api is answered.
func (p *Page) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	if r.URL.Path == "/api/model" {
		return p.engine.describe(), allow(w, r, http.MethodGet, http.MethodHead)
	}
	route := routes[r.URL.Path]
	if route == nil {
		return nil, &problem{
			status: http.StatusNotFound, Code: "not_found", Given: r.URL.Path,
			Want: "/api/model, /api/digit, /api/walk, /api/field or /api/ink", Do: "ask for one of those",
		}
	}
	if err := allow(w, r, http.MethodPost); err != nil {
		return nil, err
	}
	// Other pages' forms cannot send this type without being asked first.
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return nil, &problem{status: http.StatusUnsupportedMediaType, Code: "content_type", Given: fmt.Sprintf("%q", kind), Want: "application/json", Do: "send that header"}
	}
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if err := p.turn(r.Context()); err != nil {
		return nil, err
	}
	defer func() { <-p.turns }()
	return route(r.Context(), p.engine, body)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil { // a server's requests have one
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil && problemOf(err).status == http.StatusInternalServerError {
		return nil, wrong("body", err.Error(), "a whole body")
	}
	return body, err
}

// turn waits until a processor is free for a request. Those whose clients have
// left by then, as they do for a newer one, are not computed.
func (p *Page) turn(ctx context.Context) error {
	select {
	case p.turns <- struct{}{}:
	case <-ctx.Done():
		return context.Canceled
	}
	if ctx.Err() != nil {
		<-p.turns
		return context.Canceled
	}
	return nil
}
