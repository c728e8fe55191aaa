// Command server scores rows over HTTP: it learns a density, and answers
//
//	curl -d '{"rows": [[0.1, 0.2], [3, -4]]}' localhost:8080/score
//
// with {"log_prob":[...]}, in nats. A flow serves many requests at once; what
// it returns are slices, which nobody writes to afterwards.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/train"
)

func main() {
	f, err := fit()
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /score", scorer{f})
	server := &http.Server{Addr: "localhost:8080", Handler: mux, ReadTimeout: 10 * time.Second}
	log.Println("http://localhost:8080/score")
	log.Fatal(server.ListenAndServe())
}

// fit trains the flow on points around a parabola. A service of yours would
// load one: registry.LoadFlow[float32]("model.safetensors").
func fit() (*flow.Flow[float32], error) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewRows[float32](3000, 2)
	for i := range x.Len() {
		a := rng.NormFloat64()
		x.Row(i)[0], x.Row(i)[1] = float32(a), float32(a*a/2+rng.NormFloat64()/10)
	}
	chain, err := coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 6, Hidden: []int{32}, Seed: 1})
	if err != nil {
		return nil, err
	}
	f, err := flow.New(chain, distribution.StandardNormal[float32](2))
	if err != nil {
		return nil, err
	}
	_, err = train.Fit(context.Background(), f, train.Tensor(x), train.Options{Epochs: 15})
	return f, err
}

// scorer answers requests from one flow, which nobody trains meanwhile.
type scorer struct{ f *flow.Flow[float32] }

const maxBody = 1 << 20 // bytes of a request

func (s scorer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Rows [][]float32 `json:"rows"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	logp, err := s.score(request.Rows)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// JSON has neither infinities nor NaN: a row without a density is null.
	answer := struct {
		LogProb []*float64 `json:"log_prob"`
	}{make([]*float64, len(logp))}
	for i, v := range logp {
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			answer.LogProb[i] = &logp[i]
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.Print(err)
	}
}

// score is the log-density of each row. Where the only fault is that some rows
// overflow within the flow, those are NaN and the others good.
func (s scorer) score(rows [][]float32) ([]float64, error) {
	x, err := bijector.RowsOfSlices(rows)
	if err != nil {
		return nil, err
	}
	logp, err := s.f.LogProb(x)
	var bad *bijector.RowError
	if errors.As(err, &bad) {
		err = nil
	}
	return logp, err
}
