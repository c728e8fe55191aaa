// Requests and their answers: scores, explanations, draws, errors, limits.

package serve_test

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/serve"
	"github.com/bijou-flow/bijou/table"
)

// tableModel is a model of a number, a category, and a number that may be
// missing; models of other scales have other densities.
func tableModel(scale float64) *table.Model[float32] {
	return tableModelOf(
		table.Column{Name: "a", Kind: table.Real, Max: 1, Scale: scale},
		table.Column{Name: "b", Kind: table.Category, Categories: []string{"x", "y"}},
		table.Column{Name: "c", Kind: table.Real, Max: 1, Missing: true},
	)
}

// tableModelOf is that model with other columns of the same kinds.
func tableModelOf(columns ...table.Column) *table.Model[float32] {
	schema := &table.Schema{Columns: columns, LeftOut: []table.LeftOut{{Name: "id"}}}
	base := testkit.Must(autoregressive.NewMixed[float32](autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{
		{Continuous: true}, {Atoms: []float64{0, 1}}, {Continuous: true, Atoms: []float64{table.Missing}, Missing: true},
	}, Hidden: 8}))
	same := testkit.Must(bijector.NewPermute[float32](bijector.PermuteSpec{Dim: 3, Kind: "given", Indices: []int{0, 1, 2}}))
	density := testkit.Must(flow.NewEnsemble(flow.Mixing{}, testkit.Must(flow.New[float32](same, base))))
	scores := make([]float64, 200)
	for i := range scores {
		scores[i] = -12 + float64(i)/20
	}
	return testkit.Must(table.NewModel(schema, density, scores))
}

func tableOf(scale float64, name string) *serve.Model {
	m := testkit.Must(serve.Table(tableModel(scale)))
	m.Name = name
	return m
}

func handler(t *testing.T, o serve.Options) *serve.Handler {
	t.Helper()
	h, err := serve.New(tableOf(1, "one"), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const (
	ndjson = "application/x-ndjson"
	inJSON = "application/json"
)

// post asks a handler without a connection.
func post(h http.Handler, path, form, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Content-Type", form)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type score struct {
	LogDensity *float64 `json:"log_density"`
	PValue     *float64 `json:"p_value"`
	Flag       *bool    `json:"flag"`
	Row        int      `json:"row"`
	Error      *problem `json:"error"`
	Columns    []struct {
		Column, Cell string
		LogDensity   float64 `json:"log_density"`
		Usual        float64
	}
}

type problem struct{ Code, Column, Given, Want, Do string }

func decode[V any](t *testing.T, text []byte) (v V) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func decodeLines[V any](t *testing.T, text []byte) (all []V) {
	t.Helper()
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		all = append(all, decode[V](t, line))
	}
	return all
}

// TestScore: the scores are the model's, in each form of a request, in order.
func TestScore(t *testing.T) {
	h, m := handler(t, serve.Options{}), tableModel(1)
	rows := []string{`{"a":0.5,"b":"x","c":2}`, `{"b":"y","id":7,"a":"-1.25","c":null}`, `{"a":40,"b":"y"}`}
	codes := []float64{0.5, 0, 2, -1.25, 1, table.Missing, 40, 1, table.Missing}
	want := testkit.Must(m.LogProb(codes))
	check := func(name string, i int, got score) {
		t.Helper()
		p := m.PValues(want)[i]
		if got.Error != nil || got.LogDensity == nil || got.PValue == nil || got.Flag == nil {
			t.Fatalf("%s, row %d: %+v", name, i+1, got)
		}
		if *got.LogDensity != want[i] || *got.PValue != p || *got.Flag != (p <= 0.01) {
			t.Errorf("%s, row %d: %v, %v, %v; want %v, %v", name, i+1, *got.LogDensity, *got.PValue, *got.Flag, want[i], p)
		}
	}
	w := post(h, "/v1/score", inJSON, " [ "+strings.Join(rows, " ,\n")+"]\n")
	for i, got := range decode[[]score](t, w.Body.Bytes()) {
		check("an array", i, got)
	}
	if w.Header().Get("Bijou-Model") != "one" || w.Header().Get("Content-Type") != inJSON || w.Code != 200 {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
	w = post(h, "/v1/score", ndjson, strings.Join(rows, "\n\n"))
	for i, got := range decodeLines[score](t, w.Body.Bytes()) {
		check("lines", i, got)
	}
	for i, row := range rows {
		got := decode[score](t, post(h, "/v1/score", inJSON, row).Body.Bytes())
		want[i] = testkit.Must(m.LogProb(codes[3*i : 3*i+3]))[0]
		check("one", i, got)
	}
	got := decodeLines[score](t, post(h, "/v1/score?flag=1", ndjson, rows[0]+"\n"+rows[2]).Body.Bytes())
	if !*got[0].Flag || !*got[1].Flag {
		t.Errorf("flag=1 flags %v", got)
	}
	if w := post(h, "/v1/score", inJSON, "[]"); w.Code != 200 || w.Body.String() != "[]\n" {
		t.Errorf("no rows: %d, %q", w.Code, w.Body)
	}
	if w := post(h, "/v1/score", ndjson, "\n"); w.Code != 200 || w.Body.Len() > 0 {
		t.Errorf("no lines: %d, %q", w.Code, w.Body)
	}
}

// TestBadRows: what is wrong with a row stands in its place, and the rows
// around it are answered as if it was not there.
func TestBadRows(t *testing.T) {
	h := handler(t, serve.Options{MaxRowBytes: 200})
	good := `{"a":0.5,"b":"x","c":2}`
	for _, c := range []struct{ row, query, code, column, given string }{
		{`{"a":1,"b":"z"}`, "", "cell", "b", `the category "z"`},
		{`{"a":"tall","b":"x"}`, "", "cell", "a", `the text "tall"`},
		{`{"b":"x"}`, "", "cell", "a", "a missing cell"},
		{`{"a":null,"b":"x"}`, "", "cell", "a", "a missing cell"},
		{`{"a":1,"b":"z"}`, "?unknown=skip", "skipped", "b", `the category "z"`},
		{`{"a":1,"b":"x","d":1}`, "", "columns", "", `the key "d"`},
		{`{"a":1,"b":"x","a":2}`, "", "json", "", `the key "a" is there twice`},
		{`{"a":1,"b":["x"]}`, "", "json", "", "an array or an object"},
		{`{"a":1,"b":"x"`, "", "json", "", "ends within an object"},
		{`{"a":1e999,"b":"x"}`, "", "cell", "a", "beyond the range"},
		{`{"a":1,"b":"` + strings.Repeat("x", 300) + `"}`, "", "row_too_long", "", "more than 200 bytes"},
		{`{"a":1,"b":"` + strings.Repeat("x", 200_000) + `"}`, "", "row_too_long", "", "more than 200 bytes"},
		{`7`, "", "json", "", `begins with "7"`},
	} {
		got := decodeLines[score](t, post(h, "/v1/score"+c.query, ndjson, good+"\n"+c.row+"\n"+good+"\n").Body.Bytes())
		if len(got) != 3 || got[0].LogDensity == nil || got[2].LogDensity == nil || *got[0].LogDensity != *got[2].LogDensity {
			t.Errorf("%.40s: %+v", c.row, got)
			continue
		}
		e := got[1].Error
		if got[1].Row != 2 || e == nil || e.Code != c.code || e.Column != c.column || !strings.Contains(e.Given, c.given) || e.Want == "" || e.Do == "" {
			t.Errorf("%.40s: row %d, %+v", c.row, got[1].Row, e)
		}
		if strings.HasSuffix(c.row, `"x"`) { // without its end, it ends no array either
			continue
		}
		got = decode[[]score](t, post(h, "/v1/score"+c.query, inJSON, "["+good+","+c.row+","+good+"]").Body.Bytes())
		if len(got) != 3 || got[1].Error == nil || got[1].Error.Code != c.code || got[2].LogDensity == nil {
			t.Errorf("%.40s in an array: %+v", c.row, got)
		}
		if w := post(h, "/v1/score"+c.query, inJSON, c.row); w.Code < 400 || decode[score](t, w.Body.Bytes()).Error.Code != c.code {
			t.Errorf("%.40s alone: %d, %s", c.row, w.Code, w.Body)
		}
	}
	for query, row := range map[string]string{"?unknown=missing": `{"a":1,"b":"x","c":"tall"}`, "?extra=true": `{"a":1,"b":"x","d":1}`} {
		if w := post(h, "/v1/score"+query, inJSON, row); w.Code != 200 {
			t.Errorf("%s: %d, %s", query, w.Code, w.Body)
		}
	}
}

// TestRequestErrors: each says what was given, what is wanted and what to do.
func TestRequestErrors(t *testing.T) {
	h := handler(t, serve.Options{MaxBytes: 1000, MaxRows: 3, MaxRowBytes: 500})
	good := `{"a":0.5,"b":"x","c":2}`
	for _, c := range []struct {
		method, path, form, body string
		status                   int
		code, given, do          string
	}{
		{"POST", "/v1/scores", inJSON, good, 404, "not_found", `"/v1/scores"`, "/openapi.json"},
		{"GET", "/v1/score", "", "", 405, "method", "GET", "POST"},
		{"POST", "/metrics", "", "", 405, "method", "POST", "GET"},
		{"POST", "/v1/score", "", good, 415, "content_type", "none", "Content-Type: application/json"},
		{"POST", "/v1/score", "text/csv", good, 415, "content_type", "text/csv", "Content-Type"},
		{"POST", "/v1/score?flags=1", inJSON, good, 400, "query", "flags=1", "leave it out"},
		{"POST", "/v1/score?flag=2", inJSON, good, 400, "query", "flag=2", "change"},
		{"POST", "/v1/score?unknown=no", inJSON, good, 400, "query", "unknown=no", "change"},
		{"POST", "/v1/score", inJSON, "", 400, "json", "empty", "send"},
		{"POST", "/v1/score", inJSON, "[" + good + ";" + good + "]", 200, "json", `";"`, "NDJSON"},
		{"POST", "/v1/score", inJSON, "[" + good, 200, "json", "without an end", "NDJSON"},
		{"POST", "/v1/score", inJSON, "[" + good + "]]", 200, "json", `"]" behind the end`, "NDJSON"},
		{"POST", "/v1/score", inJSON, "[" + good + ",]", 200, "json", "comma", "NDJSON"},
		{"POST", "/v1/score", ndjson, strings.Repeat(good+"\n", 4), 200, "too_many_rows", "more than 3 rows", "several requests"},
		{"POST", "/v1/score", ndjson, strings.Repeat(" ", 2000), 413, "body_too_large", "more than 1000 bytes", "in parts"},
		{"POST", "/v1/score", inJSON, `{"a":"` + strings.Repeat("x", 600), 413, "row_too_long", "more than 500 bytes", "never closed"},
		{"POST", "/v1/sample", inJSON, `{"n":4}`, 413, "too_many_rows", "more than 3 rows", "several"},
		{"POST", "/v1/sample", inJSON, `{"n":0}`, 400, "n", "n of 0", "ask"},
		{"POST", "/v1/sample", inJSON, `{"m":1}`, 400, "json", `"m"`, "mend"},
		{"POST", "/v1/sample", inJSON, `{"given":{"d":1}}`, 422, "columns", "a cell of a column", "take"},
		{"POST", "/v1/sample", inJSON, `{"given":{"b":"z"}}`, 422, "cell", `"z"`, "change"},
		{"POST", "/v1/sample", inJSON, `{"given":{"b":[1]}}`, 400, "json", "given.b", "mend"},
		{"POST", "/v1/sample?n=1", inJSON, `{}`, 400, "query", "n=1", "body"},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		if r.ContentLength = -1; c.form != "" {
			r.Header.Set("Content-Type", c.form)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		text := w.Body.Bytes()
		if c.status == 200 { // behind the answers of rows
			if lines := bytes.Split(bytes.TrimSpace(text), []byte("\n")); c.form == ndjson {
				text = lines[len(lines)-1]
			} else {
				all := decode[[]json.RawMessage](t, text)
				text = all[len(all)-1]
			}
		}
		got := decode[score](t, text)
		if e := got.Error; w.Code != c.status || e == nil || got.Row != 0 || e.Code != c.code || !strings.Contains(e.Given, c.given) || !strings.Contains(e.Do, c.do) || e.Want == "" {
			t.Errorf("%s %s %.40q: %d, %s", c.method, c.path, c.body, w.Code, text)
		}
	}
	r := httptest.NewRequest("POST", "/v1/score", strings.NewReader(good))
	r.Header.Set("Content-Type", inJSON)
	r.Header.Set("Content-Encoding", "gzip")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 415 {
		t.Errorf("gzip: %d, %s", w.Code, w.Body)
	}
}

// TestExplain: the terms of a row sum to its log-density, the strongest first.
func TestExplain(t *testing.T) {
	h := handler(t, serve.Options{})
	rows := `{"a":0.5,"b":"x","c":2}` + "\n" + `{"a":30,"b":"y"}` + "\n"
	got := decodeLines[score](t, post(h, "/v1/explain", ndjson, rows).Body.Bytes())
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	for _, x := range got {
		sum, before := 0.0, math.Inf(-1)
		for _, c := range x.Columns {
			if sum += c.LogDensity; c.LogDensity-c.Usual < before {
				t.Errorf("%+v is not in order", x.Columns)
			}
			before = c.LogDensity - c.Usual
		}
		if len(x.Columns) != 3 || math.Abs(sum-*x.LogDensity) > 1e-4*math.Abs(sum) {
			t.Errorf("%v of %d terms, want %v", sum, len(x.Columns), *x.LogDensity)
		}
	}
	if c := got[1].Columns[0]; c.Column != "a" || c.Cell != "30" {
		t.Errorf("the strongest is %+v", c)
	}
}

type drawn struct {
	Seed      uint64
	Draws     []map[string]any
	Effective float64
	Row       int
	Error     *problem
}

// TestSample: draws are rows of the table, with what is given, the same for a
// seed; those of many requests come one a line.
func TestSample(t *testing.T) {
	h := handler(t, serve.Options{})
	ask := `{"n":3000,"seed":5,"given":{"a":0.25}}`
	w := post(h, "/v1/sample", inJSON, ask)
	got := decode[drawn](t, w.Body.Bytes())
	if len(got.Draws) != 3000 || got.Seed != 5 || got.Effective != 3000 || w.Code != 200 {
		t.Fatalf("%d: %d draws, seed %d, effective %v", w.Code, len(got.Draws), got.Seed, got.Effective)
	}
	for _, d := range got.Draws {
		if d["a"] != 0.25 || d["b"] != "x" && d["b"] != "y" {
			t.Fatalf("%v", d)
		}
	}
	if again := post(h, "/v1/sample", inJSON, ask); again.Body.String() != w.Body.String() {
		t.Error("a seed draws other rows the second time")
	}
	one, two := post(h, "/v1/sample", inJSON, `{}`), post(h, "/v1/sample", inJSON, `{}`)
	if one.Body.String() == two.Body.String() || len(decode[drawn](t, one.Body.Bytes()).Draws) != 1 {
		t.Errorf("without a seed: %s, %s", one.Body, two.Body)
	}
	all := decodeLines[drawn](t, post(h, "/v1/sample", ndjson, `{"n":2}`+"\nno\n"+`{"n":1,"given":{"c":null}}`).Body.Bytes())
	if len(all) != 3 || len(all[0].Draws) != 2 || all[1].Row != 2 || all[1].Error == nil || len(all[2].Draws) != 1 || all[2].Draws[0]["c"] != nil {
		t.Errorf("%+v", all)
	}
}

// TestArrays: flows take and draw arrays, and are not explained.
func TestArrays(t *testing.T) {
	layer := testkit.Must(autoregressive.MAF[float32](autoregressive.Recipe{Dim: 2, Seed: 1}))
	f := testkit.Must(flow.New(layer, distribution.StandardNormal[float32](2)))
	h := testkit.Must(serve.New(testkit.Must(serve.Arrays(f, 2, testkit.Must(flow.NewCalibration([]float64{-3, -2, -1})))), serve.Options{}))
	want := testkit.Must(f.LogProb(testkit.Must(bijector.RowsOf([]float32{0.5, -1, 2e3, 1e-3}, 2, 2))))
	for _, c := range []struct{ form, body string }{{inJSON, "[[0.5,-1], [2e3 ,0.001]]"}, {ndjson, "[0.5,-1]\n[ 2e3,1e-3 ]"}} {
		text := bytes.TrimSpace(post(h, "/v1/score", c.form, c.body).Body.Bytes())
		if c.form == ndjson {
			text = []byte("[" + strings.ReplaceAll(string(text), "\n", ",") + "]")
		}
		got := decode[[]score](t, text)
		if len(got) != 2 || *got[0].LogDensity != want[0] || *got[1].LogDensity != want[1] || got[0].PValue == nil {
			t.Errorf("%s: %s, want %v", c.body, text, want)
		}
	}
	for _, row := range []string{"[1]", "[1,2,3]", "[1,null]", "[]", "[1,NaN]", "[1,2", "{}", "[1e39,0]", "[1,2]3", "[[1,2]", "1", "[1,,2]", "[1,2,]"} {
		got := decodeLines[score](t, post(h, "/v1/score", ndjson, row+"\n[0.5,-1]").Body.Bytes())
		if len(got) != 2 || got[0].Error == nil || got[0].Error.Code != "array" || got[1].LogDensity == nil {
			t.Errorf("%s: %+v", row, got)
		}
	}
	if w := post(h, "/v1/score", inJSON, "[ 0.5, -1]"); w.Code != 200 || decode[score](t, w.Body.Bytes()).LogDensity == nil {
		t.Errorf("one: %d, %s", w.Code, w.Body)
	}
	if w := post(h, "/v1/explain", inJSON, "[0.5,-1]"); w.Code != 501 {
		t.Errorf("explain: %d, %s", w.Code, w.Body)
	}
	var draws struct{ Draws [][]float64 }
	if err := json.Unmarshal(post(h, "/v1/sample", inJSON, `{"n":5}`).Body.Bytes(), &draws); err != nil || len(draws.Draws) != 5 || len(draws.Draws[4]) != 2 {
		t.Errorf("%v, %v", draws, err)
	}
	if _, err := serve.Arrays(f, 3, nil); err == nil {
		t.Error("a flow of two features serves rows of three values")
	}
}

// TestTold: model, health, metrics and the description.
func TestTold(t *testing.T) {
	h := handler(t, serve.Options{})
	get := func(path string, status int) []byte {
		t.Helper()
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest("GET", path, nil)); w.Code != status {
			t.Errorf("%s: %d, %s", path, w.Code, w.Body)
		}
		return w.Body.Bytes()
	}
	var about struct {
		Name    string
		Columns []table.Column
		Rows    int `json:"calibration_rows"`
		Limits  map[string]float64
	}
	if err := json.Unmarshal(get("/v1/model", 200), &about); err != nil || about.Name != "one" || len(about.Columns) != 3 || about.Rows != 200 || about.Limits["requests"] != 256 {
		t.Errorf("%v: %+v", err, about)
	}
	get("/healthz", 200)
	doc := decode[map[string]any](t, get("/openapi.json", 200))
	if paths := doc["paths"].(map[string]any); len(paths) != 7 {
		t.Errorf("%d paths", len(paths))
	}
	post(h, "/v1/score", ndjson, strings.Repeat(`{"a":90,"b":"x"}`+"\n", 5)+"{\n")
	post(h, "/v1/score", "", "")
	lines := strings.Split(string(get("/metrics", 200)), "\n")
	for _, want := range []string{
		`bijou_requests_total{route="/v1/score",status="200"} 1`, `bijou_requests_total{route="/v1/score",status="415"} 1`,
		"bijou_rows_total 6", "bijou_rows_bad_total 1", "bijou_rows_flagged_total 5", `bijou_model_info{name="one",kind="table"} 1`, "# EOF",
		`bijou_request_seconds_count{route="/v1/score"} 2`, "bijou_requests_running 0", "bijou_model_swaps_total 0",
	} {
		if n := strings.Count("\n"+strings.Join(lines, "\n")+"\n", "\n"+want+"\n"); n != 1 {
			t.Errorf("%q is there %d times in\n%s", want, n, strings.Join(lines, "\n"))
		}
	}
	h.Drain()
	get("/healthz", 503)
	if w := post(h, "/v1/score", inJSON, `{"a":1,"b":"x"}`); w.Code != 200 || w.Header().Get("Connection") != "close" {
		t.Errorf("draining: %d, %v", w.Code, w.Header())
	}
}

// TestOptions: what cannot be is refused when the handler is made.
func TestOptions(t *testing.T) {
	for _, o := range []serve.Options{{Flag: 2}, {Flag: math.NaN()}, {MaxBytes: -1}, {MaxRows: -1}, {MaxRowBytes: -1}, {MaxRequests: -1}, {Timeout: -1}, {Stall: -time.Second}} {
		if _, err := serve.New(tableOf(1, "one"), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
	if _, err := serve.New(nil, serve.Options{}); err == nil {
		t.Error("no model is taken")
	}
	if _, err := serve.New(&serve.Model{}, serve.Options{}); err == nil {
		t.Error("an empty model is taken")
	}
	h := handler(t, serve.Options{})
	if err := h.Swap(nil); err == nil || post(h, "/v1/score", inJSON, `{"a":1,"b":"x"}`).Code != 200 {
		t.Errorf("a swap for nothing: %v", err)
	}
}
