package main

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/bijou-flow/bijou/internal/command"
)

// A small run prints a row for every recipe, and no word of what went wrong.
func TestRun(t *testing.T) {
	var out, log bytes.Buffer
	args := []string{"-only", "exp(10,normal in 2 ", "-rows", "200"}
	if code := run(context.Background(), args, command.Streams{Out: &out, Log: &log}); code != 0 {
		t.Fatalf("exit code %d: %s", code, log.String())
	}
	rows := 0
	for _, line := range strings.Split(out.String(), "\n") {
		if strings.HasPrefix(line, "| ") && !strings.Contains(line, "recipe") {
			rows++
			if strings.Contains(line, ": ") {
				t.Errorf("row %q", line)
			}
		}
	}
	if want := 6 * 2; rows != want { // contexts, and a normal of 2 columns
		t.Errorf("%d rows, want %d:\n%s", rows, want, out.String())
	}
}

// The quantiles are those of gonum's laws.
func TestQuantiles(t *testing.T) {
	laws := map[string]interface{ CDF(x float64) float64 }{
		"Student t of 2": distuv.StudentsT{Sigma: 1, Nu: 2}, "Cauchy": distuv.StudentsT{Sigma: 1, Nu: 1},
		"log-normal of sigma 2": distuv.LogNormal{Sigma: 2}, "normal": distuv.UnitNormal,
	}
	for _, d := range densities() {
		law, ok := laws[strings.Split(d.name, " in ")[0]]
		for _, p := range []float64{0.001, 0.2, 0.9, 0.999} {
			if ok && math.Abs(law.CDF(d.quantile(p))-p) > 1e-9 {
				t.Errorf("%s: the quantile of %v is %v, where the distribution function is %v", d.name, p, d.quantile(p), law.CDF(d.quantile(p)))
			}
		}
	}
}
