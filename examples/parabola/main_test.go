// The program leaves a model that scores as it should.

package main

import (
	"os"
	"testing"

	"github.com/bijou-flow/bijou/registry"
)

func TestMainSavesAModel(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.Chdir(wd); err != nil {
			t.Fatal(err)
		}
	}()
	main()
	f, err := registry.LoadFlow[float32]("parabola.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	on, err := f.LogProbRow([]float32{1, 0.5})
	if err != nil {
		t.Fatal(err)
	}
	beside, err := f.LogProbRow([]float32{1, -0.5})
	if err != nil {
		t.Fatal(err)
	}
	if !(on > -1 && beside < on-5) {
		t.Errorf("log-density %.2f on the parabola, %.2f beside it", on, beside)
	}
}
