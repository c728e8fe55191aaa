// Connections that break: bodies that end in an error at each byte, and answers that
// nobody takes from some byte on.

package serve_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/serve"
)

var errBroken = errors.New("the connection broke")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// deaf takes so many bytes of an answer.
type deaf struct {
	header http.Header
	left   int
}

func (d *deaf) Header() http.Header { return d.header }
func (d *deaf) WriteHeader(int)     {}
func (d *deaf) Flush()              {}

func (d *deaf) Write(p []byte) (int, error) {
	n := min(len(p), d.left)
	if d.left -= n; n < len(p) {
		return n, errBroken
	}
	return n, nil
}

func TestBrokenConnections(t *testing.T) {
	h := handler(t, serve.Options{MaxRequests: 1}) // a request that does not end leaves no room for the next
	row := `{"a":0.5,"b":"x","c":2}`
	for _, c := range []struct{ path, form, body string }{
		{"/v1/score", ndjson, strings.Repeat(row+"\n", 4)},
		{"/v1/score", inJSON, "[" + row + "," + row + "]"},
		{"/v1/score", inJSON, row},
		{"/v1/explain", ndjson, strings.Repeat(row+"\n", 3)},
		{"/v1/sample", ndjson, "{\"n\":2,\"seed\":3}\n{\"n\":1,\"seed\":4}\n"},
	} {
		request := func(body io.Reader) *http.Request {
			r := httptest.NewRequest("POST", c.path, body)
			r.Header.Set("Content-Type", c.form)
			return r
		}
		whole := post(h, c.path, c.form, c.body).Body.Bytes()
		for at := range len(c.body) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request(io.MultiReader(strings.NewReader(c.body[:at]), broken{})))
			text := w.Body.Bytes()
			if c.form == ndjson {
				text = bytes.TrimSuffix(text, []byte("\n"))
				i := bytes.LastIndexByte(text, '\n') + 1
				if !bytes.HasPrefix(whole, text[:i]) {
					t.Fatalf("%s: broken at byte %d the answers are\n%s, want those of the whole body\n%s", c.path, at, text[:i], whole)
				}
				text = text[i:]
			}
			if !bytes.Contains(text, []byte(`"error":{"code":`)) {
				t.Fatalf("%s: broken at byte %d the answer ends in %q, want an error", c.path, at, text)
			}
			if first := w.Code == http.StatusOK; first && w.Body.Len() == len(text)+1 && c.form == ndjson {
				t.Fatalf("%s: broken at byte %d nothing is answered, with status %d", c.path, at, w.Code)
			}
		}
		for room := range len(whole) {
			h.ServeHTTP(&deaf{header: http.Header{}, left: room}, request(strings.NewReader(c.body)))
		}
		if again := post(h, c.path, c.form, c.body).Body.Bytes(); !bytes.Equal(again, whole) {
			t.Fatalf("%s: behind broken connections the answer is %s, before %s", c.path, again, whole)
		}
	}
}
