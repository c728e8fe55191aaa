package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
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

// A table of the user's own has a row, and one that is no table an error that names it.
func TestTables(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString("a,b\n")
	rng := rand.New(rand.NewPCG(1, 1))
	for range 60 {
		a := rng.NormFloat64()
		fmt.Fprintf(&text, "%g,%g\n", a, 100+a*a+rng.NormFloat64())
	}
	good, bad := filepath.Join(dir, "good.csv"), filepath.Join(dir, "bad.csv")
	for path, text := range map[string]string{good: text.String(), bad: strings.Replace(text.String(), "\n", "\n1,two\n", 1)} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out, log bytes.Buffer
	if code := run(context.Background(), []string{"-only", "tables", "-zero", "-tables", good}, command.Streams{Out: &out, Log: &log}); code != 0 {
		t.Fatalf("exit code %d: %s", code, log.String())
	}
	if !strings.Contains(out.String(), "| good | 48, 2 | 1 | ") || strings.Contains(out.String(), "NaN") {
		t.Errorf("%s", out.String())
	}
	if code := run(context.Background(), []string{"-only", "tables", "-tables", bad}, command.Streams{Out: &out, Log: &log}); code == 0 || !strings.Contains(log.String(), `line 2, column "b": "two"`) {
		t.Errorf("exit code %d: %s", code, log.String())
	}
}
