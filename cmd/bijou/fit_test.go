package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/commandtest"
)

// TestInterrupt: what was trained is saved, and scores.
func TestInterrupt(t *testing.T) {
	data, path := write(t, "data.csv", toy(300, 5)), filepath.Join(t.TempDir(), "m.safetensors")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log := &commandtest.Watched{See: func(text string) {
		if strings.Contains(text, ") 1/5000") {
			cancel()
		}
	}}
	var out bytes.Buffer
	code := run(ctx, []string{"fit", data, "-out", path, "-epochs", "5000"}, command.Streams{Out: &out, Log: log})
	if code != command.Interrupted || out.Len() > 0 || !strings.Contains(log.String(), "interrupted while training on 240 of 300 rows") || !strings.Contains(log.String(), "bijou fit: interrupted; what was trained is in "+path) {
		t.Fatalf("code %d, %s", code, log.String())
	}
	if r := do("score", data, "-model", path); r.code != command.Done || strings.Count(r.out, "\n") != 301 {
		t.Errorf("%+v", r)
	}
	// Interrupted before there is anything to keep, nothing is there.
	early, stop := context.WithCancel(context.Background())
	stop()
	path = filepath.Join(t.TempDir(), "none.safetensors")
	long := write(t, "long.csv", toy(3000, 6))
	if r := doWith(early, nil, "fit", long, "-out", path); r.code != command.Interrupted || !strings.Contains(r.log, "nothing is written") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a model")
	}
}

// TestRecipe: a flow of the library behind the same schema; what it cannot take
// is refused before training.
func TestRecipe(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	text := "a,b\n"
	for range 300 {
		z := rng.NormFloat64()
		text += fmt.Sprintf("%.1f,%.3f\n", 100+10*z, z+rng.NormFloat64()/10)
	}
	data, path := write(t, "data.csv", text), filepath.Join(t.TempDir(), "m.safetensors")
	if r := do("fit", data, "-out", path, "-recipe", "realnvp", "-epochs", "3", "-hidden", "8"); r.code != command.Done || !strings.Contains(r.log, "negative log-density of 30 rows") {
		t.Fatalf("%+v", r)
	}
	r := do("score", data, "-model", path, "-quiet")
	if r.code != command.Done || strings.Count(r.out, "\n") != 301 {
		t.Errorf("%+v", r)
	}
	draws := do("sample", "-model", path, "-n", "20")
	for _, line := range strings.Split(strings.TrimSpace(draws.out), "\n")[1:] {
		a, _, _ := strings.Cut(line, ",")
		if _, decimals, _ := strings.Cut(a, "."); draws.code != command.Done || len(decimals) != 1 {
			t.Errorf("a draw: %s", line)
		}
	}
	if r := do("fit", write(t, "data.csv", toy(100, 1)), "-out", path, "-force", "-recipe", "maf"); r.code != command.Failed || !strings.Contains(r.log, `column "colour": a recipe of the library is for numbers and times without missing cells, this column is of kind category`) {
		t.Errorf("%+v", r)
	}
}

// TestRecipeAuto: what auto.Fit chooses, in the units of the table; of few rows that is a
// Gaussian, whose entropy here is 2.84 nats.
func TestRecipeAuto(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	text := "a,b\n"
	for range 39 {
		z := rng.NormFloat64()
		text += fmt.Sprintf("%.4f,%.5f\n", 100+10*z, z+rng.NormFloat64()/10)
	}
	data, path := write(t, "data.csv", text), filepath.Join(t.TempDir(), "m.safetensors")
	r := do("fit", data, "-out", path, "-recipe", "auto", "-json")
	var sum summary
	if err := json.Unmarshal([]byte(r.out), &sum); err != nil || r.code != command.Done {
		t.Fatalf("%v: %+v", err, r)
	}
	if math.Abs(float64(sum.Nats)-2.84) > 0.6 || sum.Calibrated != 39 || !strings.Contains(r.log, "without fold 2") {
		t.Errorf("%+v\n%s", sum, r.log)
	}
	scored := do("score", data, "-model", path, "-quiet")
	nats, p := 0.0, 0.0
	for _, line := range strings.Split(strings.TrimSpace(scored.out), "\n")[1:] {
		cells := strings.Split(line, ",")
		v, err := strconv.ParseFloat(cells[2], 64)
		share, err2 := strconv.ParseFloat(cells[3], 64)
		if err != nil || err2 != nil {
			t.Fatalf("%+v", scored)
		}
		nats, p = nats-v/39, p+share/39
	}
	if math.Abs(nats-float64(sum.Nats)) > 0.5 || math.Abs(p-0.5) > 0.1 {
		t.Errorf("%v nats a row are scored with p-values of %v on average, %v of held-out rows are reported", nats, p, sum.Nats)
	}
	if r := do("fit", data, "-out", path, "-force", "-recipe", "auto", "-epochs", "3"); r.code != command.WrongFlags || !strings.Contains(r.log, "-epochs") {
		t.Errorf("%+v", r)
	}
}

// TestUnknownMissing: cells that do not fit count as missing, in fitting and in
// scoring.
func TestUnknownMissing(t *testing.T) {
	text := toy(300, 7) + "301,red,many,1.50,,true,2024-05-03\n"
	path := filepath.Join(t.TempDir(), "m.safetensors")
	r := do("fit", write(t, "data.csv", text), "-out", path, "-epochs", "1", "-unknown", "missing", "-schema", write(t, "s.json", `{"columns": [{"name": "size", "kind": "integer"}]}`), "-first", "size,colour")
	if r.code != command.Done {
		t.Fatalf("%+v", r)
	}
	const rows = "colour,size,price,weight,sold,when\npink,?,cheap,,perhaps,never\n"
	r = doWith(context.Background(), strings.NewReader(rows), "score", "-", "-model", path, "-quiet")
	if lines := strings.Split(r.out, "\n"); r.code != command.Done || !strings.HasPrefix(lines[1], "pink,?,cheap,,perhaps,never,-") {
		t.Errorf("%+v", r)
	}
	r = do("fit", write(t, "data.csv", text), "-out", path, "-force", "-epochs", "1", "-unknown", "skip", "-schema", write(t, "s.json", `{"columns": [{"name": "size", "kind": "integer"}]}`))
	if r.code != command.Done || !strings.Contains(r.log, "1 rows are left out") {
		t.Errorf("%+v", r)
	}
	if r := do("fit", write(t, "data.csv", text), "-out", path, "-force", "-first", "colour,none"); r.code != command.WrongFlags || !strings.Contains(r.log, "-first") {
		t.Errorf("%+v", r)
	}
}
