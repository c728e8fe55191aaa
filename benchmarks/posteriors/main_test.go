package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// A small run prints a row for every task, and draws lie within the prior.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	observed := map[string]string{
		"gaussian_linear": "a,b,c,d,e,f,g,h,i,j\n0,0,0,0,0,0,0,0,0,0\n", "gaussian_mixture": "a,b\n1,2\n",
		"two_moons": "a,b\n-0.6,0.2\n", "slcp": "a,b,c,d,e,f,g,h\n2,0.5,10,2,-10,-2,-1,0\n",
	}
	for name, text := range observed {
		for k := 1; k <= 10; k++ {
			folder := filepath.Join(dir, "tasks", name, "files", fmt.Sprintf("num_observation_%d", k))
			if err := errors.Join(os.MkdirAll(folder, 0o777), os.WriteFile(filepath.Join(folder, "observation.csv"), []byte(text), 0o666)); err != nil {
				t.Fatal(err)
			}
		}
	}
	args := []string{"-recipe", "nsf", "-simulations", "100", "-epochs", "1", "-pairs", "10", "-draws", "3", "-tasks", filepath.Join(dir, "tasks"), "-out", filepath.Join(dir, "draws")}
	var out, log bytes.Buffer
	if code := run(context.Background(), args, command.Streams{Out: &out, Log: &log}); code != 0 || strings.Count(out.String(), " s | ") != len(tasks()) {
		t.Fatalf("exit code %d: %s\n%s", code, log.String(), out.String())
	}
	log.Reset() // the first run's draws are in the way
	if code := run(context.Background(), args, command.Streams{Out: &out, Log: &log}); code != 2 || !strings.Contains(log.String(), "it has files") {
		t.Errorf("exit code %d: %s", code, log.String())
	}
	for _, task := range tasks() {
		files := testkit.Must(filepath.Glob(filepath.Join(dir, "draws", task.name+"-nsf-100-1-*.csv")))
		if len(files) != 10 {
			t.Fatalf("%s: %d files of draws", task.name, len(files))
		}
		lines := strings.Split(strings.TrimSpace(string(testkit.Must(os.ReadFile(files[3])))), "\n")
		if len(lines) != 3 || strings.Count(lines[0], ",") != task.dim-1 {
			t.Errorf("%s: draws %q", task.name, lines)
		}
	}
}

// Moments of the simulators, where they are known.
func TestSimulators(t *testing.T) {
	rng := testkit.NewRand(1)
	for _, c := range []struct {
		task            string
		theta           []float64
		mean, deviation []float64
		correlation     float64 // of the first two values
	}{
		{"gaussian_linear", []float64{1, 0, 0, 0, 0, 0, 0, 0, 0, -1}, []float64{1, 0}, []float64{math.Sqrt(0.1), math.Sqrt(0.1)}, 0},
		{"gaussian_mixture", []float64{3, -4}, []float64{3, -4}, []float64{math.Sqrt(0.505), math.Sqrt(0.505)}, 0},
		// r cos a has the mean 0.1 * 2/pi; its square 0.0101/2.
		{"two_moons", []float64{0.3, 0.5}, []float64{0.25 + 0.2/math.Pi - 0.8/math.Sqrt2, 0.2 / math.Sqrt2}, []float64{math.Sqrt(0.0101/2 - 0.04/math.Pi/math.Pi), math.Sqrt(0.0101 / 2)}, 0},
		{"slcp", []float64{0.7, -2.9, -1, -1, 0.6}, []float64{0.7, -2.9}, []float64{1, 1}, math.Tanh(0.6)},
	} {
		for _, task := range tasks() {
			if task.name != c.task {
				continue
			}
			const n = 20_000
			a, b, x := make([]float64, n), make([]float64, n), make([]float64, task.dataDim)
			for i := range n {
				task.simulate(rng, c.theta, x)
				a[i], b[i] = x[0], x[1]
			}
			for j, values := range [][]float64{a, b} {
				mean, deviation := stat.MeanStdDev(values, nil)
				testkit.Near(t, c.task+" mean", mean, c.mean[j], 0.03)
				testkit.Near(t, c.task+" deviation", deviation, c.deviation[j], 0.03)
			}
			testkit.Near(t, c.task+" correlation", stat.Correlation(a, b, nil), c.correlation, 0.03)
		}
	}
}
