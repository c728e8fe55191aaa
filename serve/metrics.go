// Metrics: what was answered, as OpenMetrics text.

package serve

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// routes, in the order in which metrics list them.
const (
	routeScore = iota
	routeExplain
	routeSample
	routeModel
	routeHealth
	routeMetrics
	routeOpenAPI
	routeOther
	routeCount
)

var routePaths = [routeCount]string{"/v1/score", "/v1/explain", "/v1/sample", "/v1/model", "/healthz", "/metrics", "/openapi.json", "other"}

// routeOf is the route of a path, and its method.
func routeOf(path string) (route int, method string) {
	route = slices.Index(routePaths[:routeOther], path)
	switch {
	case route < 0:
		return routeOther, ""
	case route <= routeSample:
		return route, "POST"
	}
	return route, "GET"
}

// statuses that are counted; others are counted as 500.
var statuses = [...]int{200, 400, 404, 405, 408, 413, 415, 422, 429, statusCanceled, 500, 501, 503}

// bounds of the histogram of seconds.
var bounds = [...]float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}

type metrics struct {
	start    time.Time
	requests [routeCount][len(statuses)]atomic.Int64
	seconds  [routeSample + 1]histogram
	rows     atomic.Int64 // scored, explained or drawn
	badRows  atomic.Int64
	flagged  atomic.Int64
	swaps    atomic.Int64
}

type histogram struct {
	counts [len(bounds) + 1]atomic.Int64
	nanos  atomic.Int64
}

func newMetrics() *metrics { return &metrics{start: time.Now()} }

// count counts a request, and how long it took where that is told.
func (m *metrics) count(route, status int, took time.Duration) {
	i := slices.Index(statuses[:], status)
	if i < 0 {
		i = slices.Index(statuses[:], 500)
		if status == 503 || status < 300 {
			i = 0
		}
	}
	m.requests[route][i].Add(1)
	if route <= routeSample && took > 0 {
		h := &m.seconds[route]
		k, _ := slices.BinarySearch(bounds[:], took.Seconds())
		h.counts[k].Add(1)
		h.nanos.Add(int64(took))
	}
}

// Answered counts the requests to /v1/score, /v1/explain and /v1/sample that were
// answered, whatever their status, and the rows that were scored, explained or drawn.
func (h *Handler) Answered() (requests, rows int64) {
	if h == nil || h.metrics == nil {
		return 0, 0
	}
	for route := range h.metrics.seconds {
		for i := range statuses {
			requests += h.metrics.requests[route][i].Load()
		}
	}
	return requests, h.metrics.rows.Load()
}

// text writes all of them.
func (m *metrics) text(model *Model, running int64, refused bool) []byte {
	var b []byte
	family := func(name, kind, help string) {
		b = fmt.Appendf(b, "# TYPE %s %s\n# HELP %s %s\n", name, kind, name, help)
	}
	single := func(name, kind, help string, v float64) {
		family(name, kind, help)
		if kind == "counter" {
			name += "_total"
		}
		b = fmt.Appendf(b, "%s %s\n", name, number64(v))
	}
	family("bijou_requests", "counter", "Requests by route and status; 499 are those whose client left.")
	for r := range m.requests {
		for i := range statuses {
			if n := m.requests[r][i].Load(); n > 0 {
				b = fmt.Appendf(b, "bijou_requests_total{route=%q,status=\"%d\"} %d\n", routePaths[r], statuses[i], n)
			}
		}
	}
	family("bijou_request_seconds", "histogram", "Time from a request's header to the end of its answer.")
	for r := range m.seconds {
		h, sum := &m.seconds[r], int64(0)
		for i := range h.counts {
			le := "+Inf"
			if i < len(bounds) {
				le = number64(bounds[i])
			}
			sum += h.counts[i].Load()
			b = fmt.Appendf(b, "bijou_request_seconds_bucket{route=%q,le=%q} %d\n", routePaths[r], le, sum)
		}
		b = fmt.Appendf(b, "bijou_request_seconds_count{route=%q} %d\nbijou_request_seconds_sum{route=%q} %s\n", routePaths[r], sum, routePaths[r], number64(time.Duration(h.nanos.Load()).Seconds()))
	}
	single("bijou_requests_running", "gauge", "Requests that are worked on.", float64(running))
	single("bijou_rows", "counter", "Rows that were scored, explained or drawn, and those that could not be.", float64(m.rows.Load()))
	single("bijou_rows_bad", "counter", "Rows that could not be answered.", float64(m.badRows.Load()))
	single("bijou_rows_flagged", "counter", "Rows that were flagged.", float64(m.flagged.Load()))
	single("bijou_model_swaps", "counter", "Models that took another one's place.", float64(m.swaps.Load()))
	stale := 0.0
	if refused {
		stale = 1
	}
	single("bijou_model_refused", "gauge", "1 while a newer model than the one that is served was refused.", stale)
	single("bijou_model_loaded_seconds", "gauge", "When the model was loaded, in seconds since 1970.", float64(model.made.UnixMilli())/1000)
	family("bijou_model", "info", "The model.")
	b = fmt.Appendf(b, "bijou_model_info{name=%s,kind=%q} 1\n", labelValue(model.Name), model.engine.kind())
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	single("bijou_memory_heap_bytes", "gauge", "Bytes of objects in memory.", float64(mem.HeapAlloc))
	single("bijou_memory_system_bytes", "gauge", "Bytes of memory that the system has given to the process.", float64(mem.Sys))
	single("bijou_goroutines", "gauge", "Goroutines.", float64(runtime.NumGoroutine()))
	single("bijou_start_seconds", "gauge", "When the handler was made, in seconds since 1970.", float64(m.start.UnixMilli())/1000)
	return append(b, "# EOF\n"...)
}

func number64(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// labelValue quotes a text as OpenMetrics does.
func labelValue(text string) string {
	b := []byte{'"'}
	for i := range len(text) {
		switch c := text[i]; c {
		case '\n':
			b = append(b, `\n`...)
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
