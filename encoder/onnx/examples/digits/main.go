// Command digits tells pictures that are unlike MNIST's digits: an autoencoder
// of the library is trained, exported as ONNX and used through that file, with a
// flow on its embeddings beside Mahalanobis distance and near neighbours.
//
//	go run ./examples/digits -pictures $(go env GOROOT)/src/image
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	bijouonnx "github.com/bijou-flow/bijou/encoder/onnx"
	"github.com/bijou-flow/bijou/encoder/onnx/internal/unlike"
	"github.com/bijou-flow/bijou/mnist"
	"github.com/bijou-flow/bijou/onnx"
	"github.com/bijou-flow/bijou/train"
)

func main() {
	log.SetFlags(0)
	var o options
	flag.StringVar(&o.pictures, "pictures", "", "`directory` of PNG and JPEG files, squares of which are other pictures; empty: none")
	flag.IntVar(&o.digits, "digits", 10_000, "`digits` to learn")
	flag.IntVar(&o.epochs, "epochs", 5, "`epochs` of the autoencoder")
	flag.IntVar(&o.steps, "steps", 1500, "`steps` of the flow's optimiser")
	flag.DurationVar(&o.limit, "time", 0, "`time` of each flow at most; 0: no limit")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}

type options struct {
	pictures              string
	digits, epochs, steps int
	limit                 time.Duration
}

// held is the number of digits that are held out, and of those that are turned.
const held = 1000

func run(o options) error {
	digits, test, err := mnist.Load()
	if err != nil {
		return err
	}
	usual := mnist.Pixels[float32](digits.Head(o.digits))
	heldOut := mnist.Pixels[float32](test.Head(held))
	groups, err := others(test.Tail(held), o.pictures)
	if err != nil {
		return err
	}
	var table unlike.Table
	for seed := uint64(1); seed <= 2; seed++ {
		encoder, err := learn(usual, o.epochs, seed)
		if err != nil {
			return err
		}
		start := time.Now()
		var embedded []*bijector.Rows[float32]
		for _, x := range append([]*bijector.Rows[float32]{usual, heldOut}, rowsOf(groups)...) {
			z, err := encoder.Encode(x)
			if err != nil {
				return err
			}
			embedded = append(embedded, z)
		}
		took := time.Since(start).Round(100 * time.Millisecond)
		scores, note, err := unlike.Scores(context.Background(), embedded[0], unlike.Options{Share: 0.999, Steps: o.steps, Time: o.limit, Seed: seed})
		if err != nil {
			return err
		}
		fmt.Printf("seed %d: %s; embedded in %v\n", seed, note, took)
		odd := make([]unlike.Group, len(groups))
		for i, g := range groups {
			odd[i] = unlike.Group{Name: g.Name, Rows: embedded[2+i]}
		}
		if err := table.Add(scores, embedded[1], odd); err != nil {
			return err
		}
	}
	return table.Write(os.Stdout)
}

func rowsOf(groups []unlike.Group) (all []*bijector.Rows[float32]) {
	for _, g := range groups {
		all = append(all, g.Rows)
	}
	return all
}

// learn trains an autoencoder and returns its encoder by way of an ONNX file.
func learn(x *bijector.Rows[float32], epochs int, seed uint64) (*bijouonnx.Encoder[float32], error) {
	a, err := autoencoder.NewConv[float32](autoencoder.ConvSpec{Embedding: 20, Seed: seed})
	if err != nil {
		return nil, err
	}
	o := train.Options{Epochs: epochs, Batch: 100, Rate: 1e-3, Seed: seed, Optimizer: train.Adam{WeightDecay: 1e-5}}
	if _, err := train.Fit(context.Background(), a, train.Tensor(x), o); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "digits")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, "encoder.onnx"))
	if err != nil {
		return nil, err
	}
	if err := onnx.ExportEncoder[float32](f, a); err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return bijouonnx.OpenEncoder[float32](f.Name(), bijouonnx.Options{Batch: 128})
}

// others are pictures that are no digits as MNIST has them.
func others(test *mnist.Set, pictures string) ([]unlike.Group, error) {
	x := mnist.Pixels[float32](test.Head(held))
	rng := rand.New(rand.NewPCG(1, 0))
	groups := []unlike.Group{
		{Name: "digits turned by 30 degrees", Rows: each(x, turn(30))},
		{Name: "digits turned by 60 degrees", Rows: each(x, turn(60))},
		{Name: "digits turned by 90 degrees", Rows: each(x, turn(90))},
		{Name: "digits in a mirror", Rows: each(x, mirror)},
		{Name: "digits with light and dark exchanged", Rows: each(x, func(dst, src []float32) {
			for i, v := range src {
				dst[i] = 1 - v
			}
		})},
		{Name: "noise of the digits' pixels in another order", Rows: each(x, func(dst, src []float32) {
			for i, p := range rng.Perm(len(src)) {
				dst[i] = src[p]
			}
		})},
	}
	if pictures == "" {
		return groups, nil
	}
	squares, err := squaresOf(pictures, held, rng)
	if err != nil {
		return nil, err
	}
	return append(groups, unlike.Group{Name: "squares of other pictures", Rows: squares}), nil
}
