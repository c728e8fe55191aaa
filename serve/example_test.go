// Runnable example: a flow behind HTTP, within a program.

package serve_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/serve"
)

// A flow of two values, behind HTTP beside what else the program serves.
func ExampleNew() {
	scale, err := bijector.NewScale[float32](bijector.ScaleSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	f, err := flow.New(scale, distribution.StandardNormal[float32](2)) // or registry.LoadFlow
	if err != nil {
		log.Fatal(err)
	}
	calibration, err := flow.NewCalibration([]float64{-2, -3, -2.5, -4, -2.2}) // scores of held-out rows
	if err != nil {
		log.Fatal(err)
	}

	model, err := serve.Arrays(f, 2, calibration)
	if err != nil {
		log.Fatal(err)
	}
	handler, err := serve.New(model, serve.Options{Flag: 0.2})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/pairs/", http.StripPrefix("/pairs", handler)) // /pairs/v1/score and the other routes

	server := httptest.NewServer(mux) // http.ListenAndServe, in a program
	defer server.Close()
	answer, err := http.Post(server.URL+"/pairs/v1/score", "application/json", strings.NewReader("[[0, 2], [5, 5]]"))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	scores, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Count(string(scores), "log_density"), "scores")
	fmt.Println("the second row is flagged:", strings.HasSuffix(strings.TrimSpace(string(scores)), `"flag":true}]`))
	// Output:
	// 2 scores
	// the second row is flagged: true
}
