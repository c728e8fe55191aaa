// Requests at once, wrong ones, and rows without a density.

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// post sends a body and returns the status and, of a good answer, its values.
func post(url, body string) (status int, logp []*float64, err error) {
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return r.StatusCode, nil, nil
	}
	var answer struct {
		LogProb []*float64 `json:"log_prob"`
	}
	err = json.NewDecoder(r.Body).Decode(&answer)
	return r.StatusCode, answer.LogProb, err
}

func TestServer(t *testing.T) {
	f, err := fit()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(scorer{f})
	defer server.Close()

	// Every request gets the answer to its own rows.
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			x := []float32{float32(i) / 8, float32(i*i) / 128}
			row := fmt.Sprintf("[%v, %v]", x[0], x[1])
			want, err := scorer{f}.score([][]float32{x, {0, 9}})
			if err != nil {
				t.Error(err)
				return
			}
			status, logp, err := post(server.URL, `{"rows": [`+row+`, [0, 9]]}`)
			if err != nil || status != http.StatusOK || len(logp) != 2 || *logp[0] != want[0] {
				t.Errorf("%s: status %d, %d values, %v; want %v first", row, status, len(logp), err, want)
			} else if !(*logp[1] < *logp[0]) {
				t.Errorf("%s: %v, and %v far from the data", row, *logp[0], *logp[1])
			}
		}()
	}
	wg.Wait()

	for _, body := range []string{``, `{"rows": 3}`, `{"rows": []}`, `{"rows": [[1]]}`, `{"rows": [[1, 2], [3]]}`} {
		if status, _, err := post(server.URL, body); err != nil || status != http.StatusBadRequest {
			t.Errorf("%q: status %d, %v; want %d", body, status, err, http.StatusBadRequest)
		}
	}
	status, logp, err := post(server.URL, `{"rows": [[3e38, -3e38], [0, 0]]}`)
	if err != nil || status != http.StatusOK || len(logp) != 2 || logp[0] != nil || logp[1] == nil {
		t.Errorf("a row that overflows: status %d, %v, %v; want a null and a number", status, logp, err)
	}
}
