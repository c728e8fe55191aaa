package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/mnist/latentflow/internal/page"
)

// Each mistake has its status, and says what was given, what is wanted and what
// to do.
func TestPageRefuses(t *testing.T) {
	p := convPage()
	u := `"latent": [0, 0, 0, 0]`
	field := func(from, to string) string {
		return strings.Replace(`{"digit": 1, `+u+`, "x": 0, "y": 1, "centre": [0, 0], "step": 0.5, "columns": 3, "rows": 3}`, from, to, 1)
	}
	for _, c := range []struct {
		route, body string
		status      int
		code, want  string
	}{
		{"digit", ``, 400, "json", "one JSON object with the fields of the route"},
		{"digit", `{"digit": 1, "seed": 1} {}`, 400, "json", "one JSON object with the fields of the route"},
		{"digit", `{"digit": 1, "seed": 1, "colour": 3}`, 400, "json", "one JSON object with the fields of the route"},
		{"digit", `{"digit": 1, "seed": -1}`, 400, "json", "one JSON object with the fields of the route"},
		{"digit", `{"digit": 1, "seed": 1e400}`, 400, "json", "one JSON object with the fields of the route"},
		{"digit", `null`, 400, "digit", "one from 0 to 9"},
		{"digit", `{"seed": 1}`, 400, "digit", "one from 0 to 9"},
		{"digit", `{"digit": 10, "seed": 1}`, 400, "digit", "a whole number from 0 to 9"},
		{"digit", `{"digit": -1, "seed": 1}`, 400, "digit", "a whole number from 0 to 9"},
		{"digit", `{"digit": 1}`, 400, "point", "one of seed, latent and embedding"},
		{"digit", `{"digit": 1, "seed": 1, ` + u + `}`, 400, "point", "one of seed, latent and embedding"},
		{"digit", `{"digit": 1, ` + u + `, "temperature": 1}`, 400, "temperature", "one beside a seed, or none"},
		{"digit", `{"digit": 1, "seed": 1, "temperature": -0.1}`, 400, "temperature", "a number from 0 to 3"},
		{"digit", `{"digit": 1, "seed": 1, "temperature": 3.1}`, 400, "temperature", "a number from 0 to 3"},
		{"digit", `{"digit": 1, "latent": [0, 0, 0]}`, 400, "latent", "4"},
		{"digit", `{"digit": 1, "latent": [0, 0, 0, 101]}`, 400, "latent", "numbers from -100 to 100"},
		{"digit", `{"digit": 1, "embedding": [0, 0, 0, 0, 0]}`, 400, "embedding", "4"},
		{"digit", `{"digit": 1, "embedding": [0, 0, 0, -1e300]}`, 400, "embedding", "numbers from -100 to 100"},
		{"walk", `{"from": {"digit": 1, "seed": 1}, "to": {"digit": 1, "seed": 1}, "steps": 1}`, 400, "steps", "a whole number from 2 to 101"},
		{"walk", `{"from": {"digit": 1, "seed": 1}, "to": {"digit": 1, "seed": 1}, "steps": 102}`, 400, "steps", "a whole number from 2 to 101"},
		{"walk", `{"from": {"digit": 1, "seed": 1}, "steps": 3}`, 400, "digit", "one from 0 to 9"},
		{"walk", `{"to": {"digit": 1, "seed": 1}, "steps": 3}`, 400, "digit", "one from 0 to 9"},
		{"field", `{}`, 400, "digit", "one from 0 to 9"},
		{"field", field(`"x": 0`, `"x": 4`), 400, "x", "a whole number from 0 to 3"},
		{"field", field(`"y": 1`, `"y": -1`), 400, "y", "a whole number from 0 to 3"},
		{"field", field(`"y": 1`, `"y": 0`), 400, "y", "another direction than x"},
		{"field", field(`"centre": [0, 0]`, `"centre": [0]`), 400, "centre", "2"},
		{"field", field(`0.5`, `0`), 400, "step", "a number above 0, up to 100"},
		{"field", field(`"rows": 3`, `"rows": 0`), 400, "rows", "a whole number from 1 to 625"},
		{"field", field(`"rows": 3`, `"rows": 625`), 400, "rows", "625 digits at most, columns times rows"},
		{"field", field(u, `"latent": []`), 400, "latent", "4"},
		{"ink", `{}`, 400, "strokes", "1 to 200"},
		{"ink", `{"strokes": [[]]}`, 400, "strokes", "one or more points in each"},
		{"ink", `{"strokes": [[[0, 1e7]]]}`, 400, "strokes", "coordinates from -1e6 to 1e6"},
		{"ink", `{"strokes": [` + strings.Repeat(`[[0, 0]],`, 200) + `[[0, 0]]]}`, 400, "strokes", "1 to 200"},
		{"ink", `{"strokes": [[` + strings.Repeat(`[0, 0],`, 5000) + `[0, 0]]]}`, 400, "strokes", "5000 points at most"},
		{"ink", `{"strokes": [[[0, 0]]], "test": 1}`, 400, "test", "one of both"},
		{"ink", `{"test": 100}`, 400, "test", "a whole number from 0 to 99"},
		{"ink", `{"test": -1}`, 400, "test", "a whole number from 0 to 99"},
		{"ink", `{"strokes": [[` + strings.Repeat(` `, 1<<20) + `[0, 0]]]}`, 413, "body_too_large", "fewer"},
		{"nothing", `{}`, 404, "not_found", "/api/model, /api/digit, /api/walk, /api/field or /api/ink"},
	} {
		refused(t, p, request("POST", "/api/"+c.route, c.body), c.status, c.code, c.want)
	}
}

func refused(t *testing.T, p paged, r *http.Request, status int, code, want string) {
	t.Helper()
	w := p.do(r)
	var a struct {
		Error struct{ Code, Given, Want, Do string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != status || a.Error.Code != code || a.Error.Want != want || a.Error.Given == "" || a.Error.Do == "" {
		t.Errorf("%s %.200s: status %d (%v)\n%s\nwant status %d, code %s, want %q", r.Method, r.URL, w.Code, err, w.Body, status, code, want)
	}
}

// Only the page itself asks: by an address in numbers, localhost or the name
// that was given, from its own origin, with JSON.
func TestPageAdmits(t *testing.T) {
	p := convPage()
	for host, status := range map[string]int{
		"127.0.0.1:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200, "localhost:8080": 200, "LOCALHOST": 200, "192.168.1.7:9000": 200, "digits.example:8080": 200,
		"evil.example": 421, "evil.example:8080": 421, "127.0.0.1.evil.example:8080": 421, "localhost.evil.example": 421, "": 421,
	} {
		for _, path := range []string{"/", "/api/model"} {
			r := request("GET", path, "")
			r.Host = host
			if w := p.do(r); w.Code != status {
				t.Errorf("%q %s: status %d, want %d", host, path, w.Code, status)
			}
		}
	}
	for origin, status := range map[string]int{"http://127.0.0.1:8080": 200, "http://127.0.0.1:9000": 403, "https://evil.example": 403, "null": 403} {
		r := request("POST", "/api/digit", `{"digit": 1, "seed": 1}`)
		r.Header.Set("Origin", origin)
		if w := p.do(r); w.Code != status {
			t.Errorf("origin %s: status %d, want %d", origin, w.Code, status)
		}
	}
	r := request("POST", "/api/digit", `{"digit": 1, "seed": 1}`)
	r.Header.Set("Content-Type", "text/plain")
	refused(t, p, r, 415, "content_type", "application/json")
	refused(t, p, request("GET", "/api/digit", ""), 405, "method", "POST")
	refused(t, p, request("POST", "/api/model", ""), 405, "method", "GET, HEAD")
	refused(t, p, request("DELETE", "/", ""), 405, "method", "GET, HEAD")
	if w := p.do(request("GET", "/engine.go", "")); w.Code != 404 {
		t.Errorf("status %d for a file that is none of the page's", w.Code)
	}
	// A client that has left is not computed for.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	refused(t, p, request("POST", "/api/digit", `{"digit": 1, "seed": 1}`).WithContext(ctx), 499, "canceled", "one that waits")
}

// Whatever the bytes of a body, the answer is JSON and nothing panics.
func TestPageTakesAnything(t *testing.T) {
	p := convPage()
	rng := rand.New(rand.NewPCG(1, 2))
	whole := map[string]string{
		"digit": `{"digit": 3, "latent": [0.5, -1, 0, 2]}`, "ink": `{"strokes": [[[0, 0], [1e6, -1e6]], [[0.2, 1]]]}`,
		"walk":  `{"from": {"digit": 3, "seed": 1}, "to": {"digit": 8, "embedding": [9, -99, 1e-300, 2]}, "steps": 3}`,
		"field": `{"digit": 1, "latent": [0, 0, 0, 0], "x": 0, "y": 1, "centre": [99, -99], "step": 99, "columns": 3, "rows": 3}`,
	}
	for route, text := range whole {
		for range 300 {
			body := []byte(text)
			for range rng.IntN(4) {
				body[rng.IntN(len(body))] = `0123456789-+eE.,:[]{}" nul`[rng.IntN(26)]
			}
			w := p.do(request("POST", "/api/"+route, string(body)))
			if !json.Valid(w.Body.Bytes()) || w.Code != 200 && w.Code != 400 && w.Code != 422 {
				t.Fatalf("%s %s: status %d\n%.300s", route, body, w.Code, w.Body)
			}
		}
	}
}

// The page names no other host, and may load from none.
func TestPageIsSelfContained(t *testing.T) {
	p := convPage()
	w := p.do(request("GET", "/", ""))
	if policy := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("policy %q", policy)
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cross-Origin-Resource-Policy") != "same-origin" {
		t.Errorf("headers %v", w.Header())
	}
	address := regexp.MustCompile(`(https?:)?//[a-z0-9]`)
	loaded := regexp.MustCompile(`(?:href|src)="([^"#]+)"|from "\./([^"]+)"`)
	files := testkit.Must(os.ReadDir("internal/page/static"))
	if len(files) < 5 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		text := staticFile(t, f.Name())
		for _, m := range address.FindAllString(strings.ReplaceAll(text, `xmlns="http://www.w3.org/2000/svg"`, ""), -1) {
			t.Errorf("%s: %s", f.Name(), m)
		}
		for _, m := range loaded.FindAllStringSubmatch(text, -1) {
			if w := p.do(request("GET", "/"+m[1]+m[2], "")); w.Code != 200 || w.Header().Get("Content-Type") == "" {
				t.Errorf("%s loads %s: status %d", f.Name(), m[1]+m[2], w.Code)
			}
		}
	}
}

func TestPageWithoutParts(t *testing.T) {
	p := convPage()
	for i, o := range []page.Options{
		{},
		{Model: p.model},
		{Model: p.model, Test: p.test},
		{Model: p.model, Test: p.test.Head(1), Embeddings: p.z},
		{Model: p.model, Test: p.test.Head(50), Embeddings: p.z},
	} {
		if _, err := page.New(o); err == nil || !strings.Contains(fmt.Sprint(err), "want a model, test images") {
			t.Errorf("%d: %v", i, err)
		}
	}
}
