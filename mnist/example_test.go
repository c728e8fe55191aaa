package mnist_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/mnist"
)

func ExampleLoad() {
	train, test, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(train.Len(), test.Len(), train.Dim(), train.Classes())
	fmt.Println(train.Labels()[:5])
	// Output:
	// 60000 10000 784 10
	// [5 0 4 1 9]
}

// A batch with its labels, as training reads it.
func ExampleSet_Conditional() {
	_, test, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	source := test.Conditional()
	x := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, source.Dim()))
	labels := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, source.ContextDim()))
	if err := source.Read([]int{0, 3}, x, labels); err != nil {
		log.Fatal(err)
	}
	fmt.Println(labels.Float32s())
	// Output: [0 0 0 0 0 0 0 1 0 0 1 0 0 0 0 0 0 0 0 0]
}

func ExampleDequantize() {
	_, test, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	x := mnist.Dequantize[float32](rand.New(rand.NewPCG(1, 1)), test.Head(3))
	fmt.Println(x.Shape())
	// Output: (3, 784)
}

func ExampleGrid() {
	_, test, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "grid")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	grid := mnist.Grid{Cols: 10, RowCaptions: []string{"0-9", "10-19"}}
	path := filepath.Join(dir, "digits.png")
	if err := grid.WritePNG(path, mnist.Pixels[float32](test.Head(20))); err != nil {
		log.Fatal(err)
	}
	img, err := grid.Draw(mnist.Pixels[float32](test.Head(20)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(img.Rect.Dx(), img.Rect.Dy())
	// Output: 643 124
}

// The first test image in ten shades of ink.
func ExampleSet_Image() {
	_, test, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	seven := test.Image(0)
	for y := 6; y < 28; y += 2 {
		for x := 4; x < 24; x++ {
			fmt.Printf("%c", ".:-=+*#%@@"[int(seven[y*28+x])*9/255])
		}
		fmt.Println()
	}
	// Output:
	// ....................
	// ..%@@@@@#########:..
	// ........-.----.@@=..
	// ..............@@-...
	// ............-@@-....
	// ............%@-.....
	// ..........-@@-......
	// .........%@%:.......
	// .......:%@+.........
	// ......-@@@:.........
	// ......+@%...........
}

func ExampleOneHot() {
	x, err := mnist.OneHot[float32]([]uint8{2, 0}, 3)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Float32s())
	// Output: [0 0 1 1 0 0]
}

// A directory that lacks a file is named in the error.
func ExampleLoadDir() {
	dir, err := os.MkdirTemp("", "fashion")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	_, _, err = mnist.LoadDir(dir)
	fmt.Println(errors.Is(err, fs.ErrNotExist), strings.Contains(err.Error(), "no file train-images-idx3-ubyte"))
	// Output: true true
}
