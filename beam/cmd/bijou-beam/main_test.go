// The commands, as a user starts them, on Prism.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	os.Exit(m.Run())
}

// start runs a command and returns its code and what it wrote.
func start(ctx context.Context, args ...string) (code int, out, log string) {
	var o, l bytes.Buffer
	code = run(ctx, args, command.Streams{Out: &o, Log: &l})
	return code, o.String(), l.String()
}

// modelOf fits a table of kind and size, and saves its model.
func modelOf(t *testing.T, dir string) string {
	t.Helper()
	rng := testkit.NewRand(1)
	var text strings.Builder
	text.WriteString("kind,size\n")
	for range 400 {
		k := rng.IntN(2)
		fmt.Fprintf(&text, "%s,%.4f\n", []string{"a", "b"}[k], 3*float64(k)+rng.NormFloat64())
	}
	s := testkit.Must(table.Infer(testkit.Must(table.NewReader(strings.NewReader(text.String()), table.ReaderOptions{})), table.InferOptions{}))
	var codes []float64
	for _, line := range strings.Split(strings.TrimSpace(text.String()), "\n")[1:] {
		row := make([]float64, 2)
		if err := s.Encode(strings.Split(line, ","), row); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, row...)
	}
	m, _, err := table.Fit[float32](t.Context(), s, table.MemoryRows(2, codes), table.FitOptions{Epochs: 1, Seed: 1, Calibration: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "m.safetensors")
	if err := registry.Save(path, m); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestScore: rows of several files by a pattern, the report, the files that are
// there already, rows that cannot be scored, and exit codes.
func TestScore(t *testing.T) {
	dir := t.TempDir()
	model := modelOf(t, dir)
	write(t, filepath.Join(dir, "n-1.csv"), "kind,size\na,1\nb,2\n")
	write(t, filepath.Join(dir, "n-2.csv"), "size,kind\n90,b\n")
	bad := write(t, filepath.Join(dir, "bad.csv"), "kind,size\na,1\nz,1\n")
	out := filepath.Join(dir, "s.csv")
	file := filepath.Join(dir, "s-00000-of-00001.csv")
	score := func(more ...string) (int, string, string) {
		return start(t.Context(), append([]string{"score", "-model", model, "-out", out}, more...)...)
	}
	code, paths, log := score(filepath.Join(dir, "n-*.csv"))
	if code != 0 || paths != file+"\n" || log != "3 rows, 1 of them flagged at a p-value of 0.01\n" {
		t.Fatalf("code %d, out %q, log %q", code, paths, log)
	}
	lines := strings.Split(string(testkit.Must(os.ReadFile(file))), "\n")
	if lines[0] != "kind,size,log_density,p_value,flag" || !strings.HasPrefix(lines[1], "a,1,-") || !strings.HasPrefix(lines[3], "b,90,-") || !strings.HasSuffix(lines[3], ",true") {
		t.Errorf("scored %q", lines)
	}
	if code, _, log := score(filepath.Join(dir, "n-*.csv")); code != 1 || !strings.Contains(log, "-force") {
		t.Errorf("over an earlier run: code %d, %q", code, log)
	}
	code, paths, log = score("-force", bad)
	if want := bad + ":2: "; code != 1 || paths != "" || !strings.HasPrefix(log, "bijou-beam score: "+want) || strings.Count(log, "\n") != 1 {
		t.Errorf("a row that cannot be scored: code %d, %q", code, log)
	}
	if got := testkit.Must(filepath.Glob(filepath.Join(dir, "s*"))); len(got) != 1 {
		t.Errorf("it left %q", got)
	}
	rejects := filepath.Join(dir, "r.ndjson")
	if code, _, log := score("-force", "-rejects", rejects, bad); code != 0 || !strings.Contains(log, "; 1 left out") {
		t.Errorf("-rejects: code %d, %q", code, log)
	}
	if got := string(testkit.Must(os.ReadFile(filepath.Join(dir, "r-00000-of-00001.ndjson")))); !strings.HasPrefix(got, `{"source":`+strconv.Quote(bad+":2")) {
		t.Errorf("rejected %q", got)
	}
	if code, _, log := score("-force", "-quiet", "-unknown", "skip", bad); code != 0 || log != "" {
		t.Errorf("-unknown skip: code %d, %q", code, log)
	}
	if code, _, log := score("-force", "-unknown", "missing", bad); code != 0 || !strings.HasPrefix(log, "2 rows") {
		t.Errorf("-unknown missing: code %d, %q", code, log)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for want, args := range map[int][]string{
		2:   {"score", "-model", model, "-out", "s.txt", bad},
		1:   {"score", "-model", model, "-out", out, "-force", filepath.Join(dir, "none*")},
		130: {"score", "-model", model, "-out", out, "-force", bad},
	} {
		ctx := t.Context()
		if want == 130 {
			ctx = ended
		}
		if code, _, log := start(ctx, args...); code != want || log == "" {
			t.Errorf("%q: code %d, %q, want %d", args, code, log, want)
		}
	}
}

// TestSample: as many rows as are asked for, the first of them for any number.
func TestSample(t *testing.T) {
	dir := t.TempDir()
	model := modelOf(t, dir)
	rows := func(n string) []string {
		name := filepath.Join(dir, "d"+n+".csv")
		code, paths, log := start(t.Context(), "sample", "-model", model, "-n", n, "-seed", "3", "-out", name)
		if code != 0 || log != "" {
			t.Fatalf("code %d, %q", code, log)
		}
		return strings.Split(strings.TrimSpace(string(testkit.Must(os.ReadFile(strings.TrimSpace(paths))))), "\n")
	}
	few, many := rows("3"), rows("40")
	if len(few) != 4 || len(many) != 41 || few[0] != "kind,size" {
		t.Fatalf("%d and %d lines, %q", len(few), len(many), few[0])
	}
	testkit.Equal(t, "the first rows", few, many[:4])
}

// TestDescribe: what a table is taken for, in words and as JSON.
func TestDescribe(t *testing.T) {
	dir := t.TempDir()
	for k := range 3 {
		write(t, filepath.Join(dir, fmt.Sprint("d-", k, ".csv")), "kind,size\n"+strings.Repeat("a,1\nb,2\n", 20)+fmt.Sprint("b,", k, "\n"))
	}
	code, out, log := start(t.Context(), "describe", "-temp", dir, filepath.Join(dir, "d-*.csv"))
	if code != 0 || !strings.HasPrefix(log, "123 rows, 2 columns\n  kind  category  a, b\n  size  integer") {
		t.Fatalf("code %d, log %q", code, log)
	}
	if s, err := table.ParseSchema(strings.NewReader(out)); err != nil || s.Validate() != nil || len(s.Columns) != 2 {
		t.Errorf("schema %q: %v", out, err)
	}
}

// TestFit: a model of several files, whose report and scores are there; the same again from the
// directory of a run that is finished.
func TestFit(t *testing.T) {
	dir := t.TempDir()
	rng := testkit.NewRand(2)
	for k := range 3 {
		var text strings.Builder
		text.WriteString("kind,size\n")
		for range 100 + 100*k {
			kind := rng.IntN(2)
			fmt.Fprintf(&text, "%s,%.4f\n", []string{"a", "b"}[kind], 3*float64(kind)+rng.NormFloat64())
		}
		write(t, filepath.Join(dir, fmt.Sprint("f-", k, ".csv")), text.String())
	}
	model, rounds := filepath.Join(dir, "m.safetensors"), filepath.Join(dir, "rounds")
	if err := os.Mkdir(rounds, 0o700); err != nil {
		t.Fatal(err)
	}
	fit := func(more ...string) (int, string, string) {
		return start(t.Context(), append([]string{"fit", "-dir", rounds, "-out", model, "-rounds", "3", "-steps", "20", "-hidden", "8", "-json", filepath.Join(dir, "f-*.csv")}, more...)...)
	}
	code, out, log := fit()
	var sum fitSummary
	if err := json.Unmarshal([]byte(out), &sum); err != nil || code != 0 || sum.Trained+int64(sum.Calibrated) != 600 || sum.Files != 3 || !(sum.Nats > 11 && sum.Nats < 11.6) {
		t.Fatalf("code %d, %s\n%s", code, out, log)
	}
	if !strings.Contains(log, "600 rows, 2 columns") || !strings.Contains(log, "round 3: ") || !strings.Contains(log, "of 3 files in ") {
		t.Errorf("log %q", log)
	}
	first := testkit.Must(os.ReadFile(model))
	if code, _, log := fit(); code != 1 || !strings.Contains(log, "-force") {
		t.Errorf("over an earlier model: code %d, %q", code, log)
	}
	if code, _, log := fit("-force"); code != 0 || strings.Contains(log, "round ") || !bytes.Equal(testkit.Must(os.ReadFile(model)), first) {
		t.Errorf("again: code %d, %q", code, log)
	}
	if code, _, log := fit("-force", "-batch", "7"); code != 1 || !strings.Contains(log, "another start, shards or options") {
		t.Errorf("other options: code %d, %q", code, log)
	}
	code, _, log = start(t.Context(), "score", "-model", model, "-out", filepath.Join(dir, "s.csv"), filepath.Join(dir, "f-*.csv"))
	if code != 0 || !strings.HasPrefix(log, "600 rows, ") {
		t.Errorf("score: code %d, %q", code, log)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _, log := start(ended, "fit", "-force", "-out", model, filepath.Join(dir, "f-*.csv")); code != 130 || log == "" {
		t.Errorf("interrupted: code %d, %q", code, log)
	}
}
