// The API: JSON in, JSON out, below /api.
//
//	GET  /api/model  what the model is: see modelAnswer
//	POST /api/digit  a point: its digit, where it lies, and how likely it is
//	POST /api/walk   {"from": point, "to": point, "steps": 33}: the digits between
//	POST /api/field  {"latent": [...], "digit": 7, "x": 0, "y": 1, "centre": [0, 0],
//	                  "step": 0.5, "columns": 9, "rows": 9}: digits over a plane
//	POST /api/ink    {"strokes": [[[x, y], ...], ...]} or {"test": 12}: what the
//	                  model says of a digit drawn by hand, or of a test image
//
// A point is one of
//
//	{"digit": 7, "seed": 1, "temperature": 0.8}  a draw, that of "latentflow sample"
//	{"digit": 7, "latent": [...]}                a latent, standard deviations of the base
//	{"digit": 7, "embedding": [...]}             an embedding along the principal axes of
//	                                             the test images, in their standard deviations
//
// in which digit is the class that the flow is told, and absent for a model
// without classes. Pictures are bytes of gray in base64, 0 for paper and 255 for
// ink, row by row and one image after the other. Each answer has the
// "milliseconds" that it took to compute. What is wrong with a request is
// {"error": {"code", "given", "want", "do"}} with a status of 400 and more.

package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Limits of requests.
const (
	maxBody    = 1 << 20
	maxSteps   = 101
	maxTiles   = 625
	maxStrokes = 200
	maxPoints  = 5000
	maxFar     = 100.0 // from the middle, in standard deviations
)

// route answers the body of a request.
type route func(ctx context.Context, e *engine, body []byte) (any, error)

var routes = map[string]route{
	"/api/digit": answered((*engine).digit),
	"/api/walk":  answered((*engine).walk),
	"/api/field": answered((*engine).field),
	"/api/ink":   answered((*engine).ink),
}

// timed is part of each answer.
type timed struct {
	Milliseconds float64 `json:"milliseconds"`
}

func (t *timed) took(d time.Duration) { t.Milliseconds = float64(d.Microseconds()) / 1000 }

// answered is a route by a method that takes a request Q.
func answered[Q any, A interface{ took(time.Duration) }](f func(*engine, context.Context, Q) (A, error)) route {
	return func(ctx context.Context, e *engine, body []byte) (any, error) {
		start := time.Now()
		var q Q
		if err := decode(body, &q); err != nil {
			return nil, err
		}
		a, err := f(e, ctx, q)
		if err != nil {
			return nil, err
		}
		a.took(time.Since(start))
		return a, nil
	}
}

// decode reads one JSON object with no other fields than q has.
func decode(body []byte, q any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(q)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something behind the object")
	}
	given := strings.TrimPrefix(err.Error(), "json: ")
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) { // whose text is about types of Go
		given = fmt.Sprintf("a %s as %q", kind.Value, kind.Field)
	}
	return wrong("json", given, "one JSON object with the fields of the route")
}

// numbers checks coordinates: as many as are wanted, finite, and not too far out.
func numbers(field string, v []float64, n int) error {
	if len(v) != n {
		return wrongf(field, fmt.Sprintf("%d numbers", len(v)), "%d", n)
	}
	for _, x := range v {
		if !(math.Abs(x) <= maxFar) {
			return wrongf(field, x, "numbers from %v to %v", -maxFar, maxFar)
		}
	}
	return nil
}

// between checks a whole number.
func between(field string, v, lo, hi int) error {
	if v < lo || v > hi {
		return wrongf(field, v, "a whole number from %d to %d", lo, hi)
	}
	return nil
}

// modelAnswer is what GET /api/model says.
type modelAnswer struct {
	Name       string    `json:"name"`
	Latent     int       `json:"latent"`  // directions of the latent, and of the embedding
	Classes    int       `json:"classes"` // 0: the model is not told any
	Height     int       `json:"height"`
	Width      int       `json:"width"`
	Deviations []float64 `json:"deviations"` // of the test images along their axes, in the embedding's units
	Shares     []float64 `json:"shares"`     // of the variance of the test images along their axes
	Effects    []float64 `json:"effects"`    // of the latent's directions: mean difference of a pixel, of 255, from -1 to 1
	Tests      int       `json:"tests"`      // test images
	MaxSteps   int       `json:"max_steps"`
	MaxTiles   int       `json:"max_tiles"`
}

func (e *engine) describe() modelAnswer {
	return modelAnswer{
		Name: e.Name, Latent: e.dim, Classes: e.classes, Height: e.height, Width: e.width,
		Deviations: e.deviations, Shares: e.shares, Effects: e.effects, Tests: e.Test.Len(), MaxSteps: maxSteps, MaxTiles: maxTiles,
	}
}
