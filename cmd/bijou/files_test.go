package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/coupling"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/registry"
)

// TestPlot: pictures of both kinds in both formats.
func TestPlot(t *testing.T) {
	dir := model(t)
	m, data := filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "data.csv")
	for _, what := range []string{"corner", "columns"} {
		out := filepath.Join(t.TempDir(), "p.png")
		if r := do("plot", data, "-model", m, "-what", what, "-out", out); r.code != command.Done || r.out != "" {
			t.Fatalf("%+v", r)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		// Data are blue, draws orange.
		seen := map[[3]uint32]bool{}
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				r, g, b, _ := img.At(x, y).RGBA()
				seen[[3]uint32{r >> 8, g >> 8, b >> 8}] = true
			}
		}
		if !seen[[3]uint32{0x9c, 0xc8, 0xe3}] || !seen[[3]uint32{0xd5, 0x5e, 0x00}] {
			t.Errorf("%s: a colour is missing", what)
		}
	}
	out := filepath.Join(t.TempDir(), "p.svg")
	r := do("plot", data, "-model", m, "-out", out, "-columns", "colour, weight")
	text, _ := os.ReadFile(out)
	if r.code != command.Done || !bytes.HasPrefix(text, []byte("<?xml")) || !bytes.Contains(text, []byte(">colour</text>")) || bytes.Contains(text, []byte(">price</text>")) {
		t.Errorf("%+v, %.100s", r, text)
	}
	if r := do("plot", data, "-model", m, "-out", "p.gif"); r.code != command.WrongFlags {
		t.Errorf("%+v", r)
	}
	if r := do("plot", data, "-model", m, "-out", out, "-force", "-columns", "none"); r.code != command.WrongFlags || !strings.Contains(r.log, "the model has colour, size") {
		t.Errorf("%+v", r)
	}
}

// TestInfo: what any model of the library is; a damaged file is an error behind
// what could be read.
func TestInfo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flow.safetensors")
	chain := testkit.Must(coupling.RealNVP[float32](coupling.Recipe{Dim: 2, Layers: 3, Hidden: []int{4}}))
	f := testkit.Must(flow.New(chain, distribution.StandardNormal[float32](2)))
	if err := registry.Save(path, f); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range f.Params() {
		n += len(p.Data)
	}
	r := do("info", path)
	for _, want := range []string{"flow in float32, version 1", tablecommand.Grouped(n) + " parameters", "3 x coupling.affine", "distribution.normal", "checksum  right"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("%q is missing in %s%s", want, r.out, r.log)
		}
	}
	var info modelInfo
	if err := json.Unmarshal([]byte(do("info", "-json", path).out), &info); err != nil || info.Kind != "flow" || info.Parameters != int64(n) || len(info.Tensors) == 0 || !strings.Contains(string(info.Spec), `"coupling.affine"`) {
		t.Errorf("%+v, %v", info, err)
	}
	layer := filepath.Join(t.TempDir(), "layer.safetensors")
	if err := registry.Save(layer, testkit.Must(bijector.NewLU[float64](bijector.LUSpec{Dim: 3}))); err != nil {
		t.Fatal(err)
	}
	if r := do("info", layer, "-tensors"); r.code != command.Done || !strings.Contains(r.out, "bijector in float64") || !strings.Contains(r.out, "F64 [") {
		t.Errorf("%+v", r)
	}
	text, _ := os.ReadFile(path)
	text[len(text)-3] ^= 1
	if r := do("info", write(t, "damaged.safetensors", string(text))); r.code != command.Failed || !strings.Contains(r.out, "flow in float32") || !strings.Contains(r.log, "checksum") {
		t.Errorf("%+v", r)
	}
	if r := do("info", write(t, "cut.safetensors", string(text[:40]))); r.code != command.Failed || !strings.Contains(r.log, "it is no model file") || r.out != "" {
		t.Errorf("%+v", r)
	}
	if same := do("info", "-model", path); same != r {
		t.Errorf("-model FILE: %+v, want what FILE gives: %+v", same, r)
	}
	for _, args := range [][]string{{"info"}, {"info", path, "-model", path}} {
		if r := do(args...); r.code != command.WrongFlags || !strings.Contains(r.log, "-model") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	if r := do("info", "none.safetensors"); r.code != command.Failed || !strings.Contains(r.log, "there is no such file") {
		t.Errorf("%+v", r)
	}
}

// TestSchema: the schema is JSON on standard output, and fit takes it, changed.
func TestSchema(t *testing.T) {
	data := write(t, "data.csv", toy(200, 3))
	r := do("schema", data, "-leave-out", "when")
	if r.code != command.Done || !strings.Contains(r.log, "when    left out  -leave-out") {
		t.Fatalf("%+v", r)
	}
	changed := strings.Replace(r.out, `"kind": "integer"`, `"kind": "category"`, 1)
	schema := write(t, "schema.json", changed)
	r = do("schema", data, "-schema", schema)
	if r.code != command.Done || !strings.Contains(strings.Join(strings.Fields(r.log), " "), "size category 0, 1, 2, 3, 4") {
		t.Errorf("%s\n%s", r.log, changed)
	}
	for text, want := range map[string]string{
		`{"columns": [{"name": "sise"}]}`:                   `the given schema has a column "sise"`,
		`{"columns": [{"name": "size", "kinds": "real"}]}`:  `there is no field "kinds"`,
		`{"columns": [{"name": "size", "kind": "numeric"}]`: "unexpected end of JSON",
	} {
		if r := do("schema", data, "-schema", write(t, "s.json", text)); r.code != command.Failed || !strings.Contains(r.log, want) {
			t.Errorf("%s: %+v", text, r)
		}
	}
	if r := do("schema", data, "-leave-out", "none"); r.code != command.WrongFlags || !strings.Contains(r.log, "want columns of the table: id, colour") {
		t.Errorf("%+v", r)
	}
}

// TestInputFlags: separators, headers and markers that are asked for.
func TestInputFlags(t *testing.T) {
	text := "red!1!?\nblue!2!3.5\n" + strings.Repeat("red!3!1.5\n", 20)
	r := doWith(context.Background(), strings.NewReader(text), "schema", "-", "-comma", "!", "-header", "no", "-missing", "?")
	for _, want := range []string{"column1  category  blue, red", "column3  real", "4.5 % missing"} {
		if r.code != command.Done || !strings.Contains(r.log, want) {
			t.Errorf("%q: %+v", want, r)
		}
	}
	for _, args := range [][]string{{"-comma", "ab"}, {"-comma", `"`}, {"-header", "maybe"}, {"-format", "xls"}} {
		if r := do(append([]string{"schema", "-"}, args...)...); r.code != command.WrongFlags {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

// TestStore: rows come back the same from memory, from a file, and from one that
// began in memory, in any order.
func TestStore(t *testing.T) {
	const width, rows = 5, 60_000
	for _, megabytes := range []int{1000, 1, 0} {
		s := newStore(width, megabytes)
		row := make([]float64, width)
		for i := range rows {
			for j := range row {
				row[j] = float64(i*width + j)
			}
			if err := s.add(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.finish(); err != nil {
			t.Fatal(err)
		}
		if s.Len() != rows || (s.file == nil) != (megabytes > 1) {
			t.Errorf("%d rows, in a file: %v", s.Len(), s.file != nil)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		want := []int{0, rows - 1, 16383, 16384, 16385, 7}
		for range 1000 {
			want = append(want, rng.IntN(rows))
		}
		codes := make([]float64, len(want)*width)
		if err := s.Codes(codes, want); err != nil {
			t.Fatal(err)
		}
		for k, v := range codes {
			if v != float64(want[k/width]*width+k%width) {
				t.Fatalf("%d MB: value %d of row %d is %v", megabytes, k%width, want[k/width], v)
			}
		}
		if err := s.Codes(codes[:width], []int{rows}); err == nil {
			t.Error("a row behind the last")
		}
		s.close()
	}
}

// TestTwice: standard input is read twice, too, and nothing is left of it.
func TestTwice(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if r := doWith(context.Background(), strings.NewReader(toy(120, 4)), "fit", "-", "-out", path, "-epochs", "1", "-memory", "1"); r.code != command.Done || !strings.Contains(r.log, "120 rows, 7 columns") {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
