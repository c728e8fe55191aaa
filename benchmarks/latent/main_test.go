package main

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/command"
)

// A small run prints a row for every kind of odd picture.
func TestRun(t *testing.T) {
	var out, log bytes.Buffer
	args := []string{"-rows", "200", "-test", "100", "-epochs", "1", "-steps", "1", "-embedding", "3", "-parts", "odd"}
	if code := run(context.Background(), args, command.Streams{Out: &out, Log: &log}); code != 0 {
		t.Fatalf("exit code %d: %s", code, log.String())
	}
	for _, name := range []string{"turned", "upside down", "letters", "strokes"} {
		if !strings.Contains(out.String(), "| "+name) {
			t.Errorf("no row of %s:\n%s", name, out.String())
		}
	}
}

func TestAUROC(t *testing.T) {
	for want, c := range map[float64][2][]float64{
		1: {{2, 3}, {0, 1}}, 0: {{0, 1}, {2, 3}}, 0.5: {{1, 1}, {1, 1}}, 0.625: {{1, 2}, {1, 2, 0, 1.5}},
	} {
		if got := auroc(c[0], c[1]); math.Abs(got-want) > 1e-12 {
			t.Errorf("%v has %v, want %v", c, got, want)
		}
	}
}

// Distances are those of a sum over all pairs, and of whitened rows.
func TestDistances(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewRows[float32](500, 2)
	for i := range 500 {
		x.Row(i)[0], x.Row(i)[1] = float32(10+3*rng.NormFloat64()), float32(rng.NormFloat64()/5)
	}
	z := bijector.NewRows[float32](1, 2)
	z.Row(0)[0], z.Row(0)[1] = 16, 0.4
	m, err := mahalanobis(x, z)
	if err != nil {
		t.Fatal(err)
	}
	if want := -math.Sqrt(8); math.Abs(m[0]-want) > 0.3 {
		t.Errorf("Mahalanobis distance %v, want about %v", m[0], want)
	}
	if got := neighbour(x, z, 1)[0]; !(got < 0 && got > -3) {
		t.Errorf("nearest neighbour at %v", got)
	}
	if near, far := neighbour(x, z, 1)[0], neighbour(x, z, 100)[0]; far >= near {
		t.Errorf("the 100th neighbour at %v, the first at %v", far, near)
	}
}

// Every picture has ink, within the frame.
func TestPictures(t *testing.T) {
	digits := bijector.NewRows[float32](20, side*side)
	for i := range digits.Values() {
		digits.Values()[i] = float32(i % 2)
	}
	for _, s := range oddSets(digits, 1) {
		for i := range s.x.Len() {
			ink := float32(0)
			for _, v := range s.x.Row(i) {
				if v < 0 || v > 1 {
					t.Fatalf("%s: value %v", s.name, v)
				}
				ink += v
			}
			if ink < 5 {
				t.Errorf("%s: picture %d has ink %v", s.name, i, ink)
			}
		}
	}
}
