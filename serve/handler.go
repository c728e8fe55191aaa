// Handler: routes, and the way of a request through its limits.

package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/table"
)

// Handler is an http.Handler over a Model. It is safe for concurrent use.
type Handler struct {
	options  Options
	model    atomic.Pointer[Model]
	refused  atomic.Pointer[refusal] // newer than model
	metrics  *metrics
	running  atomic.Int64 // requests that are worked on
	draining atomic.Bool
}

// New makes a Handler. Without a model, or with options that cannot be, it is
// bijector.ErrSpec.
func New(m *Model, o Options) (*Handler, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	h := &Handler{options: o, metrics: newMetrics()}
	if err := h.Swap(m); err != nil {
		return nil, err
	}
	h.metrics.swaps.Store(0)
	return h, nil
}

// Swap puts a model in the place of the one that is served. Requests that have
// begun are answered by the one they began with. A model that Table or Arrays
// did not make is bijector.ErrSpec, and changes nothing.
func (h *Handler) Swap(m *Model) error {
	if h == nil || h.metrics == nil || m == nil || m.engine == nil {
		return fmt.Errorf("serve: no handler or no model, want those that New and Table or Arrays make: %w", bijector.ErrSpec)
	}
	h.model.Store(m)
	h.refused.Store(nil)
	h.metrics.swaps.Add(1)
	return nil
}

// Drain says that no more requests are welcome: /healthz fails from now on, and
// answers close their connections. Requests are answered as before.
func (h *Handler) Drain() {
	if h != nil {
		h.draining.Store(true)
	}
}

// answered marks the problem of a request whose answer has been sent.
type answered struct{ *problem }

func (a *answered) Unwrap() error { return a.problem }

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if nilcheck.IsNil(w) {
		return
	}
	if h == nil || h.metrics == nil || r == nil || r.URL == nil {
		http.Error(w, "serve: no handler, make one with New, or no request", http.StatusInternalServerError)
		return
	}
	if h.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	route, method := routeOf(r.URL.Path)
	switch {
	case route == routeOther:
		h.refuse(w, r, route, &problem{
			status: http.StatusNotFound, Code: "not_found", Given: "the path " + strconv.Quote(r.URL.Path),
			Want: "/v1/score, /v1/explain, /v1/sample, /v1/model, /healthz, /metrics or /openapi.json", Do: "see /openapi.json",
		})
	case r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead):
		w.Header().Set("Allow", method)
		h.refuse(w, r, route, &problem{
			status: http.StatusMethodNotAllowed, Code: "method", Given: "the method " + r.Method, Want: method, Do: "ask with " + method,
		})
	case method == http.MethodGet:
		h.tell(w, route)
	default:
		h.work(w, r, route)
	}
}

// refuse answers with a problem, and counts it.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, route int, p *problem) {
	h.metrics.count(route, p.status, 0)
	h.log(r, p.status, p, 0)
	p.send(w)
}

// log tells of a request: of failures, and at the debug level of all.
func (h *Handler) log(r *http.Request, status int, err error, took time.Duration) {
	if h.options.Log == nil {
		return
	}
	level := slog.LevelDebug
	if status >= 500 {
		level = slog.LevelError
	}
	if !h.options.Log.Enabled(r.Context(), level) {
		return
	}
	args := []any{"method", r.Method, "path", r.URL.Path, "status", status, "seconds", took.Seconds(), "client", r.RemoteAddr}
	if err != nil {
		args = append(args, "problem", err.Error())
	}
	h.options.Log.Log(r.Context(), level, "request", args...)
}

// work answers a request that computes, if not too many are at it.
func (h *Handler) work(w http.ResponseWriter, r *http.Request, route int) {
	if h.running.Add(1) > int64(h.options.MaxRequests) {
		h.running.Add(-1)
		h.refuse(w, r, route, &problem{
			status: http.StatusTooManyRequests, Code: "too_many_requests", Given: fmt.Sprintf("a request beside %d that are worked on", h.options.MaxRequests),
			Want: fmt.Sprintf("%d at a time at most", h.options.MaxRequests), Do: "wait a second and send it again, send several rows in one request, or raise the limit of requests",
		})
		return
	}
	defer h.running.Add(-1)
	start := time.Now()
	ctx, cancel := context.WithTimeoutCause(r.Context(), h.options.Timeout, errTooLong)
	defer cancel()
	m := h.model.Load()
	w.Header().Set("Bijou-Model", m.Name)
	var err error
	switch route {
	case routeSample:
		err = h.sample(ctx, w, r, m)
	default:
		err = h.score(ctx, w, r, m, route == routeExplain)
	}
	status := http.StatusOK
	if err != nil {
		p := requestProblem(ctx, err, &h.options)
		status = p.status
		if sent := (*answered)(nil); !errors.As(err, &sent) {
			p.send(w)
		}
		err = p
	}
	took := time.Since(start)
	h.metrics.count(route, status, took)
	h.log(r, status, err, took)
}

// query is what a request says behind its path.
type query struct {
	flag    float64
	unknown table.Policy
	extra   bool
}

// query reads it. A parameter that is not known is a mistake.
func (h *Handler) query(r *http.Request) (*query, error) {
	q := &query{flag: h.options.Flag}
	if r.URL.RawQuery == "" {
		return q, nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("query", strconv.Quote(r.URL.RawQuery), "parameters as in ?flag=0.05&extra=true", "mend it")
	}
	for name := range values {
		text, ok := values.Get(name), true
		given, want := name+"="+text, ""
		switch name {
		case "flag":
			want = "a p-value from 0 to 1"
			q.flag, err = strconv.ParseFloat(text, 64)
			ok = err == nil && q.flag >= 0 && q.flag <= 1
		case "unknown":
			want = "error, missing or skip"
			q.unknown = table.Policy(text)
			ok = q.unknown == table.Refuse || q.unknown == table.TakeMissing || q.unknown == table.SkipRow
		case "extra":
			want = "true or false"
			q.extra, err = strconv.ParseBool(text)
			ok = err == nil
		default:
			want, ok = "the parameters flag, unknown and extra", false
		}
		if !ok {
			return nil, badRequest("query", given, want, "change it or leave it out")
		}
	}
	return q, nil
}

// tell answers what is asked with GET.
func (h *Handler) tell(w http.ResponseWriter, route int) {
	status := http.StatusOK
	switch route {
	case routeHealth:
		word := "ok"
		if h.draining.Load() {
			word, status = "draining", http.StatusServiceUnavailable
		}
		sendJSON(w, status, map[string]any{"status": word, "model": h.model.Load().Name})
	case routeModel:
		sendJSON(w, status, h.describe())
	case routeOpenAPI:
		sendJSON(w, status, h.openAPI())
	case routeMetrics:
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		w.Write(h.metrics.text(h.model.Load(), h.running.Load(), h.refused.Load() != nil))
	}
	h.metrics.count(route, status, 0)
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		status, text = http.StatusInternalServerError, (&problem{Code: "internal", Given: err.Error(), Want: "an answer", Do: "report it"}).appendTo(nil, 0)
	}
	w.Header().Set("Content-Type", formJSON)
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}
