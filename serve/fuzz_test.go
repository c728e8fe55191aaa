// Bodies of requests against arbitrary bytes.

package serve_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/bijou-flow/bijou/internal/fuzzing"
	"github.com/bijou-flow/bijou/serve"
)

// FuzzBody holds any body, of any route and form, to an answer of whole JSON values: one
// of a request that is refused, or at most one a line and one for where the body breaks off.
// The handler answers the next request as it did before.
func FuzzBody(f *testing.F) {
	h, err := serve.New(tableOf(1, "one"), serve.Options{MaxRequests: 1, MaxRows: 100, MaxBytes: 1 << 16})
	if err != nil {
		f.Fatal(err)
	}
	routes := []string{"/v1/score", "/v1/explain", "/v1/sample"}
	forms := []string{inJSON, ndjson}
	var seeds [][]byte
	for i, body := range []string{
		`{"a":0.5,"b":"x","c":2}`, `[{"a":0.5,"b":"x","c":null},{"a":1e300,"b":"z"}]`, `{"n":2,"seed":3}`, `{"n":1,"given":{"b":"x"}}`,
		"{\"a\":0.5,\"b\":\"x\"}\n\n{\"a\":\"text\"}\n{", `{"rows":[[0.5,"x",2]],"columns":["a","b","c"]}`, "\ufeff[]", `{"n":1e9}`, `{"a":0.5,"a":1}`, "null",
	} {
		seeds = append(seeds, []byte(body))
		for route := range routes {
			f.Add(byte(route+3*(i%2)), []byte(body))
		}
	}
	const row = `{"a":0.5,"b":"x","c":2}`
	want := post(h, "/v1/score", inJSON, row).Body.Bytes()
	count := 0
	hold := func(t testing.TB, way byte, body []byte) (read bool) {
		path, form := routes[way%3], forms[way/3%2]
		w := post(h, path, form, string(body))
		answer := w.Body.Bytes()
		if w.Code < 200 || w.Code >= 500 {
			t.Fatalf("%s, %s: status %d for %q: %s", path, form, w.Code, body, answer)
		}
		values := [][]byte{answer}
		if form == ndjson && w.Code == 200 {
			values = bytes.Split(bytes.TrimSpace(answer), []byte("\n"))
		}
		if w.Code == 200 && form == ndjson && path != "/v1/sample" && len(values) > bytes.Count(body, []byte("\n"))+2 {
			t.Fatalf("%s: %d answers to %q", path, len(values), body)
		}
		if len(bytes.TrimSpace(answer)) == 0 && form == ndjson && w.Code == 200 {
			values = nil // of no row
		}
		for _, v := range values {
			if !json.Valid(v) {
				t.Fatalf("%s, %s: %q is answered with %q", path, form, body, v)
			}
		}
		if count++; count%64 == 0 {
			if again := post(h, "/v1/score", inJSON, row).Body.Bytes(); !bytes.Equal(again, want) {
				t.Fatalf("behind %q the answer is %s, before %s", body, again, want)
			}
		}
		return w.Code == 200
	}
	fuzzing.Executions(f, seeds, func(body []byte, number uint64) bool { return hold(f, byte(number), body) })
	f.Fuzz(func(t *testing.T, way byte, body []byte) { hold(t, way, body) })
}
