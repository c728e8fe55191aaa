package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
)

// result is what a command left.
type result struct {
	code     int
	out, log string
}

// do runs a command.
func do(args ...string) result {
	return doWith(context.Background(), nil, args...)
}

func doWith(ctx context.Context, in io.Reader, args ...string) result {
	if in != nil {
		old := stdin
		defer func() { stdin = old }()
		stdin = in
	}
	var out, log bytes.Buffer
	code := run(ctx, args, command.Streams{Out: &out, Log: &log})
	return result{code, out.String(), log.String()}
}

// toy is rows with a column of every kind: the size and price depend on the
// colour, some weights are missing.
func toy(n int, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	b.WriteString("id,colour,size,price,weight,sold,when\n")
	for i := range n {
		k := rng.IntN(3)
		weight := ""
		if rng.IntN(5) > 0 {
			weight = fmt.Sprintf("%.6f", 10*float64(k)+rng.NormFloat64())
		}
		fmt.Fprintf(&b, "%d,%s,%d,%.2f,%s,%v,2024-05-%02d\n", i+1, []string{"red", "green", "blue"}[k], k+rng.IntN(3), float64(k)+math.Abs(rng.NormFloat64()), weight, rng.IntN(2) == 0, 1+rng.IntN(28))
	}
	return b.String()
}

var fitted struct {
	once sync.Once
	dir  string
	res  result
}

// model fits the toy once, and returns its directory: data.csv and
// model.safetensors are in it.
func model(t *testing.T) string {
	t.Helper()
	fitted.once.Do(func() {
		dir, err := os.MkdirTemp("", "bijou-test-*")
		if err != nil {
			panic(err)
		}
		fitted.dir = dir
		if err := os.WriteFile(filepath.Join(dir, "data.csv"), []byte(toy(400, 1)), 0o644); err != nil {
			panic(err)
		}
		fitted.res = do("fit", filepath.Join(dir, "data.csv"), "-out", filepath.Join(dir, "model.safetensors"), "-epochs", "4", "-json")
	})
	if fitted.res.code != command.Done {
		t.Fatalf("fit: code %d, %s", fitted.res.code, fitted.res.log)
	}
	return fitted.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(fitted.dir)
	os.Exit(code)
}

// write makes a file of a text in a directory of its own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUsage: each command says what it does, and takes its own example.
func TestUsage(t *testing.T) {
	if r := do(); r.code != command.WrongFlags || !strings.HasPrefix(r.log, "Usage: ") {
		t.Errorf("%+v", r)
	}
	for _, c := range commands {
		name := c.Name
		r := do(name, "-h")
		if r.code != command.Done || r.log != "" || !strings.HasPrefix(r.out, "Usage: go run ./cmd/bijou "+name+" [flags]") {
			t.Errorf("%s: %+v", name, r)
		}
		for _, want := range []string{"\n\nFlags:\n  -", "\n\nExit codes: 0 done, 1 failed, 2 wrong flags, 130 interrupted."} {
			if !strings.Contains(r.out, want) {
				t.Errorf("%s: %q is missing", name, want)
			}
		}
		_, example, ok := strings.Cut(r.out, "\nExample: go run ./cmd/bijou ")
		example, _, _ = strings.Cut(example, "\n")
		if r := do(append(strings.Fields(example), "-h")...); !ok || r.code != command.Done {
			t.Errorf("the example %q: %+v", example, r)
		}
		if r := do(name, "-no-such-flag"); r.code != command.WrongFlags || r.out != "" || strings.Count(r.log, "\n") != 1 || !strings.HasPrefix(r.log, "bijou "+name+": ") {
			t.Errorf("%s: a wrong flag: %+v", name, r)
		}
	}
	if r := do("train"); r.code != command.WrongFlags || !strings.Contains(r.log, `no command "train"; want fit, score`) {
		t.Errorf("%+v", r)
	}
}

// TestFit: the schema is told before training; the report has every column.
func TestFit(t *testing.T) {
	model(t)
	r := fitted.res
	told := strings.Index(r.log, "400 rows, 7 columns, 1 of them left out")
	trained := strings.Index(r.log, "negative log-density of 40 rows that were held out:")
	if told < 0 || trained < told {
		t.Errorf("the log: %s", r.log)
	}
	plain := strings.Join(strings.Fields(r.log), " ")
	for _, want := range []string{"id left out it counts the rows", "colour category blue, green, red", "% missing", "weight real", "sold boolean false, true", "when time 2024-05-01 to 2024-05-28; step 24h0m0s"} {
		if !strings.Contains(plain, want) {
			t.Errorf("%q is missing in %s", want, r.log)
		}
	}
	var s summary
	if err := json.Unmarshal([]byte(r.out), &s); err != nil || s.Rows != 400 || len(s.Columns) != 6 || !s.Nats.Finite() {
		t.Errorf("%s: %v", r.out, err)
	}
	if d := float64(s.Bits) - float64(s.Nats)/math.Ln2; math.Abs(d) > 1e-9 {
		t.Errorf("%v nats are %v bits", s.Nats, s.Bits)
	}
}

// TestFitKeepsFiles: a model is not replaced without -force, and a table that
// cannot be fitted leaves the old one.
func TestFitKeepsFiles(t *testing.T) {
	dir := model(t)
	path := filepath.Join(dir, "model.safetensors")
	before, _ := os.ReadFile(path)
	if r := do("fit", filepath.Join(dir, "data.csv"), "-out", path); r.code != command.Failed || !strings.Contains(r.log, "it is there already; -force replaces it") {
		t.Errorf("%+v", r)
	}
	for text, want := range map[string]string{
		"":                        "the input is empty",
		"a,b\n":                   "no rows to make a schema of",
		"a,b\n1\n":                "line 2 has 1 cells, want 2",
		"a,b\n\"1,2\n":            "a quote that is never closed",
		"a,a\n1,2\n":              `columns 1 and 2 are both "a"`,
		"a\n" + names(100):        "no column is left to model",
		"a,b\n" + numbers("x,1"):  `row 201, column "a": the text "x"`,
		"a\tb\n" + numbers("1\t"): "",
	} {
		data := write(t, "data.csv", text)
		if want == "" {
			continue
		}
		if r := do("fit", data, "-out", path, "-force"); r.code != command.Failed || !strings.Contains(r.log, want) || !strings.Contains(r.log, data) {
			t.Errorf("%.20q: %+v, want %s", text, r, want)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the model has changed")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// names are n different texts, a line each; numbers are 200 rows of numbers and a last one.
func names(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "name%d\n", i)
	}
	return b.String()
}

func numbers(last string) string {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "%d,%d\n", i*i, i*i%97)
	}
	return b.String() + last + "\n"
}

// TestScore: rows come out as they went in, with their scores, from a file and
// from standard input, in every form.
func TestScore(t *testing.T) {
	dir := model(t)
	m, data := filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "data.csv")
	r := do("score", "-model", m, data, "-flag", "0.05")
	if r.code != command.Done || !strings.HasPrefix(r.log, "400 rows, ") || !strings.Contains(r.log, "flagged at a p-value of 0.05") {
		t.Fatalf("code %d, %s", r.code, r.log)
	}
	records, err := csv.NewReader(strings.NewReader(r.out)).ReadAll()
	if err != nil || len(records) != 401 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	text, _ := os.ReadFile(data)
	input, _ := csv.NewReader(bytes.NewReader(text)).ReadAll()
	for i, rec := range records {
		if !slices.Equal(rec[:7], input[i]) {
			t.Fatalf("row %d: %q, was %q", i, rec, input[i])
		}
		if i == 0 {
			if !slices.Equal(rec[7:], scored) {
				t.Errorf("%q", rec[7:])
			}
			continue
		}
		logp, err := strconv.ParseFloat(rec[7], 64)
		p, err2 := strconv.ParseFloat(rec[8], 64)
		if err != nil || err2 != nil || math.IsNaN(logp) || !(p > 0 && p <= 1) || rec[9] != strconv.FormatBool(p <= 0.05) {
			t.Fatalf("row %d: %q", i, rec[7:])
		}
	}
	// Columns in another order, and gzip, from standard input: the same scores.
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	w := csv.NewWriter(z)
	for _, rec := range input {
		rec = slices.Clone(rec)
		slices.Reverse(rec)
		w.Write(rec)
	}
	w.Flush()
	z.Close()
	r = doWith(context.Background(), &zipped, "score", "-", "-model", m, "-quiet")
	again, err := csv.NewReader(strings.NewReader(r.out)).ReadAll()
	if r.code != command.Done || r.log != "" || err != nil || len(again) != 401 || again[9][7] != records[9][7] || again[9][6] != "9" {
		t.Errorf("reversed: code %d, %s, %v", r.code, r.log, err)
	}
	// NDJSON stays NDJSON, with its numbers as they stand.
	rows := `{"id":1, "colour":"red","size":1,"price":1.50,"weight":null,"sold":true,"when":"2024-05-03"}` + "\n" +
		`{"id":2,"colour":"blue","size":4,"price":2,"sold":false,"when":"2024-05-03"}` + "\n"
	r = doWith(context.Background(), strings.NewReader(rows), "score", "-", "-model", m)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	var first map[string]any
	if r.code != command.Done || len(lines) != 2 || !strings.HasPrefix(lines[0], `{"id":1, "colour":"red","size":1,"price":1.50,`) {
		t.Fatalf("%+v", r)
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first["flag"] == nil || first["p_value"] == nil {
		t.Errorf("%s: %v", lines[0], err)
	}
}

// TestScoreRefuses: what does not fit the model, with row and column, and no
// half file.
func TestScoreRefuses(t *testing.T) {
	dir := model(t)
	m := filepath.Join(dir, "model.safetensors")
	const head, good = "id,colour,size,price,weight,sold,when\n", "1,red,1,1.5,,true,2024-05-03\n"
	for _, c := range []struct {
		text string
		args []string
		want string
	}{
		{head + good + "2,pink,1,1.5,,true,2024-05-03\n", nil, `row 2 (line 3), column "colour": the category "pink", want one of the 3`},
		{head + good + "2,red,one,1.5,,true,2024-05-03\n", nil, `row 2 (line 3), column "size": the text "one", want a number`},
		{head + good + "2,red,,1.5,,true,2024-05-03\n", nil, `row 2 (line 3), column "size": a missing cell`},
		{head + good + "2,red,1,1.5\n", nil, "line 3 has 4 cells, want 7"},
		{"colour,size\nred,1\n", nil, `the columns "price", "weight", "sold", "when" are missing`},
		{"extra," + head + "x," + good, nil, `the columns "extra" are none of the schema's`},
		{"flag," + head + "x," + good, []string{"-extra"}, `it has a column "flag", which score appends`},
		{"", nil, "the input is empty"},
	} {
		out := filepath.Join(t.TempDir(), "scored.csv")
		r := do(append([]string{"score", write(t, "new.csv", c.text), "-model", m, "-out", out}, c.args...)...)
		if r.code != command.Failed || r.out != "" || !strings.Contains(r.log, c.want) {
			t.Errorf("%q: %+v, want %s", c.text, r, c.want)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), "*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
	// Rows that do not fit are left out, and kept with the reason.
	out, rejects := filepath.Join(t.TempDir(), "scored.csv"), filepath.Join(t.TempDir(), "rejects.csv")
	r := do("score", write(t, "new.csv", head+"1,pink,1,1.5,,true,2024-05-03\n"+good), "-model", m, "-out", out, "-rejects", rejects, "-unknown", "skip")
	kept, _ := os.ReadFile(out)
	left, _ := os.ReadFile(rejects)
	if r.code != command.Done || strings.Count(string(kept), "\n") != 2 || !strings.Contains(string(left), `"row 1 (line 2), column ""colour"": the category ""pink""`) || !strings.Contains(r.log, "1 left out") {
		t.Errorf("%+v, %s, %s", r, kept, left)
	}
	if r := do("score", "none.csv", "-model", m); r.code != command.Failed || !strings.Contains(r.log, "none.csv: there is no such file") {
		t.Errorf("%+v", r)
	}
	if r := do("score", rejects, "-model", rejects); r.code != command.Failed || !strings.Contains(r.log, "rejects.csv") {
		t.Errorf("%+v", r)
	}
}

// TestScoreDiskFull: a disk that fills leaves no half file, and is an error.
func TestScoreDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	dir := model(t)
	var log bytes.Buffer
	code := run(context.Background(), []string{"score", filepath.Join(dir, "data.csv"), "-model", filepath.Join(dir, "model.safetensors")}, command.Streams{Out: full, Log: &log})
	if code != command.Failed || !strings.Contains(log.String(), "no space left on device") {
		t.Errorf("code %d, %s", code, log.String())
	}
}

// TestSample: rows in the table's own form, the same for a seed; given cells.
func TestSample(t *testing.T) {
	dir := model(t)
	m := filepath.Join(dir, "model.safetensors")
	one, two, other := do("sample", "-model", m, "-n", "50"), do("sample", "-n", "50", "-model", m), do("sample", "-n", "50", "-model", m, "-seed", "2")
	if one.code != command.Done || one.out != two.out || one.out == other.out {
		t.Fatalf("%+v", one)
	}
	records, err := csv.NewReader(strings.NewReader(one.out)).ReadAll()
	if err != nil || len(records) != 51 || !slices.Equal(records[0], []string{"colour", "size", "price", "weight", "sold", "when"}) {
		t.Fatalf("%q, %v", records[0], err)
	}
	for _, r := range records[1:] {
		size, err := strconv.Atoi(r[1])
		_, cents, _ := strings.Cut(r[2], ".")
		if !slices.Contains([]string{"red", "green", "blue"}, r[0]) || err != nil || size < 0 || len(cents) != 2 || !slices.Contains([]string{"true", "false"}, r[4]) || !strings.HasPrefix(r[5], "2024-") {
			t.Errorf("%q", r)
		}
	}
	if r := do("score", write(t, "draws.csv", one.out), "-model", m); r.code != command.Done {
		t.Errorf("draws are refused: %s", r.log)
	}
	given := do("sample", "-model", m, "-n", "20", "-given", "colour=green, weight=", "-no-header")
	for _, line := range strings.Split(strings.TrimSpace(given.out), "\n") {
		if cells := strings.Split(line, ","); cells[0] != "green" || cells[3] != "" {
			t.Errorf("given green and no weight: %s", line)
		}
	}
	for text, want := range map[string]string{
		"colour":                    "want column=cell",
		"color=red":                 `the model has no column "color"; it has colour, size`,
		"colour=pink":               `the category "pink"`,
		"colour=red,colour=red":     "given twice",
		"size=,colour=red,price=12": "a missing cell",
	} {
		if r := do("sample", "-model", m, "-given", text); r.code != command.WrongFlags || !strings.Contains(r.log, want) {
			t.Errorf("%s: %+v, want %s", text, r, want)
		}
	}
	out := filepath.Join(t.TempDir(), "draws.ndjson.gz")
	if r := do("sample", "-model", m, "-n", "3", "-out", out); r.code != command.Done || r.out != "" || r.log != out+"\n" {
		t.Errorf("%+v", r)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || strings.Count(string(text), "\n") != 3 || !strings.HasPrefix(string(text), `{"colour":"`) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestExplain: the column that was spoiled comes first.
func TestExplain(t *testing.T) {
	dir := model(t)
	m := filepath.Join(dir, "model.safetensors")
	text := toy(30, 9) + "31,red,1,900.25,0.1,true,2024-05-03\n"
	r := do("explain", "-model", m, write(t, "new.csv", text), "-n", "2")
	lines := strings.Split(r.out, "\n")
	if r.code != command.Done || !strings.HasPrefix(lines[0], "row 31 (line 32): log-density -") || !slices.Equal(strings.Fields(lines[1])[:2], []string{"price", "900.25"}) {
		t.Errorf("%s%s", r.out, r.log)
	}
	r = do("explain", "-model", m, "-", "-rows", "31,2", "-json")
	if r.code != command.Failed {
		t.Errorf("no input: %+v", r)
	}
	r = doWith(context.Background(), strings.NewReader(text), "explain", "-model", m, "-", "-rows", "31, 2", "-json")
	var x explanation
	d := json.NewDecoder(strings.NewReader(r.out))
	if err := d.Decode(&x); err != nil || x.Row != 2 || len(x.Columns) != 6 {
		t.Errorf("%s%s: %v", r.out, r.log, err)
	}
	sum := 0.0
	for _, c := range x.Columns {
		sum += float64(c.Term)
	}
	if math.Abs(sum-float64(x.LogDensity)) > 1e-3 {
		t.Errorf("columns sum to %v, the log-density is %v", sum, x.LogDensity)
	}
	if r := doWith(context.Background(), strings.NewReader(text), "explain", "-model", m, "-", "-rows", "50"); r.code != command.Failed || !strings.Contains(r.log, "the input has 31 rows") {
		t.Errorf("%+v", r)
	}
}
