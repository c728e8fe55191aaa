package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/command/commandtest"
	"github.com/bijou-flow/bijou/mnist"
)

// TestScore compares the values with those of the model under a context that
// is made here, and the report with the values.
func TestScore(t *testing.T) {
	data := sliceOfMNIST()
	for _, model := range []string{convModel(), unconditionalModel()} {
		dir := t.TempDir()
		picture, file := filepath.Join(dir, "score.png"), filepath.Join(dir, "values.npy")
		out := mustRun(t, "score", "-model", filepath.Join(model, modelFile), "-data", data, "-out", picture, "-values", file)
		if got := commandtest.PNGSize(t, picture); got != "972x227" {
			t.Errorf("a picture of %s", got)
		}
		shape, values := readNPY(t, file)
		if !slices.Equal(shape, []int{100}) {
			t.Fatalf("shape %v", shape)
		}

		_, test, err := mnist.LoadDir(data)
		if err != nil {
			t.Fatal(err)
		}
		m := modelIn(t, model)
		if m.Flow().ContextDim() > 0 {
			context := make([]float32, 100*10)
			for i, label := range test.Labels() {
				context[i*10+int(label)] = 1
			}
			m = m.Given(tensor.New(tensor.WithShape(100, 10), tensor.WithBacking(context)))
		}
		want, err := m.LogProb(mnist.Pixels[float32](test))
		if err != nil {
			t.Fatal(err)
		}
		if d := distance(values, narrow(want)); d > 1e-4 {
			t.Errorf("%s: values are %v away from the model's", model, d)
		}

		sum, n := 0.0, 0
		for i, v := range values {
			if test.Label(i) == 4 {
				sum += float64(v)
				n++
			}
		}
		for _, line := range []string{
			"log-density of 100 test images' embeddings, nats",
			fmt.Sprintf("  0 %% below %9.3f", slices.Min(values)),
			fmt.Sprintf("100 %% below %9.3f", slices.Max(values)),
			fmt.Sprintf("class 4     %9.3f", sum/float64(n)),
			picture,
		} {
			if !strings.Contains(out, line+"\n") {
				t.Errorf("no line %q in\n%s", line, out)
			}
		}
	}
}

// TestScoreOtherData: what a model has never seen is less likely.
func TestScoreOtherData(t *testing.T) {
	dir := t.TempDir()
	mustRun(t, tiny(sliceOfMNIST(), "-encoder", "pca", "-flow-epochs", "60", "-out", dir)...)
	own, other := meanScore(t, dir, sliceOfMNIST()), meanScore(t, dir, bars(t, 28, 28))
	if !(own > other+1) || math.IsInf(other, 0) {
		t.Errorf("digits have %v nats, bars %v", own, other)
	}
}
