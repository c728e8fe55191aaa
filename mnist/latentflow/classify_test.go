package main

import (
	"fmt"
	"image"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/internal/command/commandtest"
	"github.com/bijou-flow/bijou/mnist"
)

// TestClassify compares the report with log-densities of the model under each
// class, taken here one class at a time.
func TestClassify(t *testing.T) {
	data, picture := sliceOfMNIST(), filepath.Join(t.TempDir(), "mistakes.png")
	out := mustRun(t, "classify", "-model", filepath.Join(convModel(), modelFile), "-data", data, "-out", picture)
	_, test, err := mnist.LoadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	m, x := modelIn(t, convModel()), mnist.Pixels[float32](test)
	var scores [10][]float64
	for k := range scores {
		context := make([]float32, 10)
		context[k] = 1
		logp, err := m.Given(tensor.New(tensor.WithShape(1, 10), tensor.WithBacking(context))).LogProb(x)
		if err != nil {
			t.Fatal(err)
		}
		scores[k] = logp
	}
	right, loss := 0, 0.0
	var of3 [10]int // what threes were taken for
	for i := range test.Len() {
		best, sum := 0, 0.0
		for k := range scores {
			if scores[k][i] > scores[best][i] {
				best = k
			}
		}
		for k := range scores {
			sum += math.Exp(float64(scores[k][i] - scores[best][i]))
		}
		label := test.Label(i)
		loss += (math.Log(sum) - float64(scores[label][i]-scores[best][i])) / float64(test.Len())
		if best == label {
			right++
		}
		if label == 3 {
			of3[best]++
		}
	}
	row := "    3"
	for _, n := range of3 {
		row += fmt.Sprintf("%6d", n)
	}
	for _, line := range []string{
		fmt.Sprintf("%d of 100 test images classified as labelled: %.2f %%", right, float64(right)),
		fmt.Sprintf("log-loss %.3f", loss),
		row + "\n",
		picture + "\n",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
	if got := commandtest.PNGSize(t, picture); got == "" {
		t.Error("no picture")
	}
}

// TestJudge: counts, loss and the order of mistakes, by hand.
func TestJudge(t *testing.T) {
	im := mnist.Images{Height: 1, Width: 1, Pixels: make([]uint8, 4)}
	set, err := mnist.NewSet(im, []uint8{0, 1, 1, 0})
	if err != nil {
		t.Fatal(err)
	}
	p := func(a, b float64) []float32 { return []float32{float32(math.Log(a)), float32(math.Log(b))} }
	v := newPredictions([][]float32{p(0.9, 0.1), p(0.6, 0.4), p(0.75, 0.25), p(0.2, 0.8)}, set)
	if got := fmt.Sprint(v.confusion, v.classes, v.mistakes); got != "[[1 1] [2 0]] [0 0 0 1] [3 2 1]" {
		t.Errorf("table, classes and mistakes %s", got)
	}
	if want := -math.Log(0.9*0.4*0.25*0.2) / 4; math.Abs(v.loss-want) > 1e-6 {
		t.Errorf("log-loss %v, want %v", v.loss, want)
	}
}

// TestMistakes: below each image, its label and what it was taken for.
func TestMistakes(t *testing.T) {
	_, test, err := mnist.LoadDir(sliceOfMNIST())
	if err != nil {
		t.Fatal(err)
	}
	v := predictions{classes: make([]int, test.Len()), mistakes: []int{4, 9, 30, 2, 3, 5, 6, 7, 8, 10, 11, 12}}
	for i := range v.classes {
		v.classes[i] = (test.Label(i) + 3) % 10
	}
	img, err := v.draw(test)
	if err != nil {
		t.Fatal(err)
	}
	wide := 7*len("4 taken for 7") + 14
	for place, i := range v.mistakes {
		corner := image.Pt(4+place%10*(wide+4), 4+place/10*(84+15+4))
		captionIs(t, img, image.Rect(0, 0, wide, 15).Add(corner).Add(image.Pt(0, 84)), fmt.Sprintf("%d taken for %d", test.Label(i), (test.Label(i)+3)%10))
		for p, want := range test.Image(i) {
			r, _, _, _ := img.At(corner.X+(wide-84)/2+p%28*3, corner.Y+p/28*3).RGBA()
			if uint8(r>>8) != want {
				t.Errorf("place %d is not image %d", place, i)
				break
			}
		}
	}
}
