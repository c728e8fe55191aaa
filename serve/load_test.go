// Requests over connections: models that change, limits, clients that leave,
// and the end.

package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/serve"
)

const goodRow = `{"a":0.5,"b":"x","c":2}`

// ask posts over a connection.
func ask(c *http.Client, url, form string, body io.Reader) (int, http.Header, []byte, error) {
	r, err := c.Post(url, form, body)
	if err != nil {
		return 0, nil, nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.StatusCode, r.Header, text, err
}

// TestSwapUnderLoad: each answer, of a row and of a stream, is to the bit the
// one model's that its header names.
func TestSwapUnderLoad(t *testing.T) {
	models := []*serve.Model{tableOf(1, "one"), tableOf(3, "two")}
	h := testkit.Must(serve.New(models[0], serve.Options{}))
	body := strings.Repeat(goodRow+"\n", 1500)
	want := map[string]string{}
	for _, m := range models {
		if err := h.Swap(m); err != nil {
			t.Fatal(err)
		}
		want[m.Name+inJSON] = post(h, "/v1/score", inJSON, goodRow).Body.String()
		want[m.Name+ndjson] = post(h, "/v1/score", ndjson, body).Body.String()
	}
	if want["one"+inJSON] == want["two"+inJSON] {
		t.Fatal("both models answer alike")
	}
	s := httptest.NewServer(h)
	defer s.Close()
	done := make(chan struct{})
	var swaps sync.WaitGroup
	swaps.Add(1)
	go func() {
		defer swaps.Done()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				h.Swap(models[i%2])
				time.Sleep(50 * time.Microsecond)
			}
		}
	}()
	var workers sync.WaitGroup
	var seen [2]atomic.Int64
	for k := range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for range 40 {
				form, text := inJSON, goodRow
				if k == 0 {
					form, text = ndjson, body
				}
				status, header, got, err := ask(s.Client(), s.URL+"/v1/score", form, strings.NewReader(text))
				name := header.Get("Bijou-Model")
				if err != nil || status != 200 || string(got) != want[name+form] {
					t.Errorf("%d, %v, by model %q: %d bytes that are not its", status, err, name, len(got))
					return
				}
				if seen[0].Add(1); name == "two" {
					seen[1].Add(1)
				}
			}
		}()
	}
	workers.Wait()
	close(done)
	swaps.Wait()
	if n, two := seen[0].Load(), seen[1].Load(); two == 0 || two == n {
		t.Errorf("of %d answers %d are of the second model", n, two)
	}
}

func metricsOf(h http.Handler) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// pipeRequest sends a request of NDJSON whose lines come from w.
func pipeRequest(s *httptest.Server, path string) (w *io.PipeWriter, answer chan *http.Response) {
	r, w := io.Pipe()
	answer = make(chan *http.Response, 1)
	go func() {
		defer close(answer)
		if a, err := s.Client().Post(s.URL+path, ndjson, r); err == nil {
			answer <- a
		}
	}()
	return w, answer
}

// TestAnswersWhileItReads: a row is answered before the next one is sent, alike
// however the rows come.
func TestAnswersWhileItReads(t *testing.T) {
	h := handler(t, serve.Options{})
	s := httptest.NewServer(h)
	defer s.Close()
	want := post(h, "/v1/score", ndjson, goodRow+"\n"+goodRow).Body.String()
	want = want[:strings.Index(want, "\n")+1]
	w, answer := pipeRequest(s, "/v1/score")
	fmt.Fprintln(w, goodRow)
	a, ok := <-answer
	if !ok {
		t.Fatal("no answer")
	}
	defer a.Body.Close()
	in := bufio.NewReader(a.Body)
	for i := range 20 {
		if line, err := in.ReadString('\n'); err != nil || line != want {
			t.Fatalf("row %d: %q, %v; want %q", i+1, line, err, want)
		}
		fmt.Fprintln(w, goodRow)
	}
	in.ReadString('\n')
	w.Close()
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v behind the last row", rest, err)
	}
}

// TestConcurrentLimit: one request too many is told to come again, and the one
// before it goes on.
func TestConcurrentLimit(t *testing.T) {
	s := httptest.NewServer(handler(t, serve.Options{MaxRequests: 1}))
	defer s.Close()
	w, answer := pipeRequest(s, "/v1/score")
	fmt.Fprintln(w, goodRow)
	a := <-answer
	defer a.Body.Close()
	status, header, text, err := ask(s.Client(), s.URL+"/v1/score", inJSON, strings.NewReader(goodRow))
	if e := decode[score](t, text).Error; err != nil || status != 429 || header.Get("Retry-After") != "1" || e.Code != "too_many_requests" {
		t.Errorf("%d, %s, %v", status, text, err)
	}
	w.Close()
	if rest, err := io.ReadAll(a.Body); err != nil || len(rest) == 0 {
		t.Errorf("%q, %v", rest, err)
	}
	waitFor(t, "the place to be free", func() bool {
		status, _, _, _ := ask(s.Client(), s.URL+"/v1/score", inJSON, strings.NewReader(goodRow))
		return status == 200
	})
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: in vain", what)
}

// TestStall: a client that stops sending is let go, with what it has sent answered.
func TestStall(t *testing.T) {
	s := httptest.NewServer(handler(t, serve.Options{Stall: 100 * time.Millisecond}))
	defer s.Close()
	w, answer := pipeRequest(s, "/v1/score")
	defer w.Close()
	fmt.Fprintln(w, goodRow)
	a := <-answer
	defer a.Body.Close()
	text, _ := io.ReadAll(a.Body)
	if got := decodeLines[score](t, text); len(got) != 2 || got[0].LogDensity == nil || got[1].Error == nil || got[1].Error.Code != "stalled" || got[1].Row != 0 {
		t.Errorf("%s", text)
	}
	c := testkit.Must(net.Dial("tcp", s.Listener.Addr().String()))
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || r.StatusCode != 408 {
		t.Errorf("half a row: %+v, %v", r, err)
	}
}

// TestTimeout: a request that takes too long ends with an error behind what was
// answered, or with a status.
func TestTimeout(t *testing.T) {
	s := httptest.NewServer(handler(t, serve.Options{Timeout: 150 * time.Millisecond}))
	defer s.Close()
	w, answer := pipeRequest(s, "/v1/score")
	go func() {
		for {
			if _, err := fmt.Fprintln(w, goodRow); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	a := <-answer
	defer a.Body.Close()
	text, _ := io.ReadAll(a.Body)
	w.Close()
	got := decodeLines[score](t, text)
	if last := got[len(got)-1]; len(got) < 2 || last.Error == nil || last.Error.Code != "too_long" || got[0].LogDensity == nil {
		t.Errorf("%s", text)
	}
	status, _, text, err := ask(s.Client(), s.URL+"/v1/sample", inJSON, strings.NewReader(`{"n":9000000}`))
	if !strings.Contains(string(text[max(0, len(text)-400):]), `"code":"too_long"`) || err != nil {
		t.Errorf("%d, %v, %d bytes", status, err, len(text))
	}
}

// TestCancel: a client that leaves frees its place, and no goroutine stays.
func TestCancel(t *testing.T) {
	h := handler(t, serve.Options{MaxRequests: 4})
	s := httptest.NewServer(h)
	defer s.Close()
	before := runtime.NumGoroutine()
	for range 12 {
		ctx, cancel := context.WithCancel(context.Background())
		r, w := io.Pipe()
		request := testkit.Must(http.NewRequestWithContext(ctx, "POST", s.URL+"/v1/score", r))
		request.Header.Set("Content-Type", ndjson)
		go fmt.Fprintln(w, goodRow)
		a, err := s.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		bufio.NewReader(a.Body).ReadString('\n')
		cancel()
		a.Body.Close()
		w.Close()
		waitFor(t, "the place to be free", func() bool {
			return strings.Contains(metricsOf(h), "\nbijou_requests_running 0\n")
		})
	}
	s.Client().CloseIdleConnections()
	waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before+2 })
}

// repeated is a body of the same line, of which every hundredth is bad.
type repeated struct {
	line, bad string
	rows, n   int
	rest      bytes.Buffer
}

func (r *repeated) Read(p []byte) (int, error) {
	for r.rest.Len() < len(p) && r.n < r.rows {
		if r.n++; r.n%100 == 0 {
			r.rest.WriteString(r.bad)
		} else {
			r.rest.WriteString(r.line)
		}
	}
	return r.rest.Read(p)
}

// TestLongStream: a hundred thousand rows are answered one by one, in memory
// that does not grow with them.
func TestLongStream(t *testing.T) {
	s := httptest.NewServer(handler(t, serve.Options{}))
	defer s.Close()
	rows := 100_000
	if testing.Short() {
		rows = 20_000
	}
	for _, form := range []string{ndjson, inJSON} {
		body := &repeated{line: goodRow + "\n", bad: "{\n", rows: rows}
		var in io.Reader = body
		if form == inJSON {
			body.line, body.bad = goodRow+",\n", "7,\n"
			in = io.MultiReader(strings.NewReader("["), body, strings.NewReader(goodRow+"]"))
			body.rows--
		}
		a, err := s.Client().Post(s.URL+"/v1/score", form, in)
		if err != nil {
			t.Fatal(err)
		}
		var start, peak runtime.MemStats
		lines := bufio.NewScanner(a.Body)
		n := 0
		for lines.Scan() {
			if n++; n%100 == 0 && n < rows && !strings.Contains(lines.Text(), fmt.Sprintf(`{"row":%d,"error":`, n)) || n%100 != 0 && !strings.Contains(lines.Text(), `"log_density":-`) {
				t.Fatalf("%s, line %d: %s", form, n, lines.Text())
			}
			if n == rows/4 {
				runtime.GC()
				runtime.ReadMemStats(&start)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&peak)
		a.Body.Close()
		if n != rows || lines.Err() != nil {
			t.Errorf("%s: %d answers of %d rows, %v", form, n, rows, lines.Err())
		}
		if grown := int64(peak.HeapAlloc) - int64(start.HeapAlloc); grown > 2<<20 {
			t.Errorf("%s: the heap has grown by %d bytes", form, grown)
		}
	}
}

// TestDrain: when the end is asked for under load, every request that was sent
// on a connection is answered, streams to their end, and then no more are taken.
func TestDrain(t *testing.T) {
	h := handler(t, serve.Options{})
	l := testkit.Must(net.Listen("tcp", "127.0.0.1:0"))
	url := "http://" + l.Addr().String()
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve.Run(ctx, l, h, serve.RunOptions{Grace: 200 * time.Millisecond}) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	r, w := io.Pipe()
	stream := make(chan string)
	go func() {
		_, _, text, err := ask(client, url+"/v1/score", ndjson, r)
		stream <- fmt.Sprint(strings.Count(string(text), "log_density"), err)
	}()
	fmt.Fprintln(w, goodRow)
	var workers sync.WaitGroup
	var answered, lost atomic.Int64
	for range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for {
				status, _, text, err := ask(client, url+"/v1/score", inJSON, strings.NewReader(goodRow))
				var refused *net.OpError
				switch {
				case err == nil && status == 200 && strings.Contains(string(text), "log_density"):
					answered.Add(1)
				case errors.As(err, &refused): // refused, or closed before it was accepted
					return
				default:
					lost.Add(1)
					t.Errorf("%d, %q, %v", status, text, err)
					return
				}
			}
		}()
	}
	waitFor(t, "some answers", func() bool { return answered.Load() > 50 })
	end()
	workers.Wait()
	select {
	case err := <-ended:
		t.Fatalf("it has ended before the stream: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	fmt.Fprintln(w, goodRow)
	w.Close()
	if got := <-stream; got != "2<nil>" && got != "2 <nil>" {
		t.Errorf("the stream: %s", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	want := fmt.Sprintf("\nbijou_requests_total{route=\"/v1/score\",status=\"200\"} %d\n", answered.Load()+1)
	if !strings.Contains(metricsOf(h), want) {
		t.Errorf("the clients have %d answers, the server counts\n%s", answered.Load()+1, metricsOf(h)[:300])
	}
}

// TestDrainTooLong: requests that do not end are cut, and told of.
func TestDrainTooLong(t *testing.T) {
	h := handler(t, serve.Options{})
	l := testkit.Must(net.Listen("tcp", "127.0.0.1:0"))
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- serve.Run(ctx, l, h, serve.RunOptions{Grace: -1, Drain: 100 * time.Millisecond})
	}()
	r, w := io.Pipe()
	defer w.Close()
	go http.Post("http://"+l.Addr().String()+"/v1/score", ndjson, r)
	fmt.Fprintln(w, goodRow)
	waitFor(t, "the request", func() bool { return strings.Contains(metricsOf(h), "\nbijou_requests_running 1\n") })
	end()
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 requests were not done 100ms after") {
		t.Error(err)
	}
}
