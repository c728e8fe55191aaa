package bijector_test

import (
	"fmt"
	"log"
	"math"
	"math/rand/v2"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/bijector/bijectortest/shear"
)

// rows is a tensor with a row for each slice.
func rows(all ...[]float64) *tensor.Dense {
	var v []float64
	for _, r := range all {
		v = append(v, r...)
	}
	return tensor.New(tensor.WithShape(len(all), len(all[0])), tensor.WithBacking(v))
}

func ExampleNewPermute() {
	p, err := bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 3, Kind: "given", Indices: []int{2, 0, 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, _ := p.Forward(rows([]float64{10, 20, 30}))
	x, _ := p.Inverse(z)
	fmt.Println(z.Values(), x.Values())
	// Output: [30 10 20] [10 20 30]
}

func ExampleNewBatchNorm() {
	b, err := bijector.NewBatchNorm[float64](bijector.BatchNormSpec{Dim: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	data := rows([]float64{1}, []float64{3}, []float64{5}, []float64{7})
	batch, _ := bijector.MatOf[float64](data, 1)
	// Training does this before each validation.
	b.Calibrate(batch, bijector.Mat[float64]{}, false, nil)
	z, _ := b.Forward(data)
	fmt.Printf("%.4f\n", z.Values())
	// Output: [-1.3416 -0.4472 0.4472 1.3416]
}

func ExampleNewActNorm() {
	a, err := bijector.NewActNorm[float64](bijector.ActNormSpec{Dim: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	data := rows([]float64{1, 5}, []float64{3, 5})
	batch, _ := bijector.MatOf[float64](data, 2)
	// Training does this before its first step.
	a.Calibrate(batch, bijector.Mat[float64]{}, true, nil)
	z, _ := a.Forward(data)
	fmt.Println(z.Values())
	// Output: [-1 0 1 0]
}

func ExampleNewScale() {
	s, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2, Rate: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(s.Params()[0].Data, []float64{0.5, -2}) // as training would
	logDet, _ := s.LogDetJacobian(rows([]float64{3, 4}))
	fmt.Println(logDet)
	// Output: [-1.5]
}

func ExampleInvert() {
	s, err := bijector.NewScale[float64](bijector.ScaleSpec{Dim: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Params()[0].Data[0] = 1
	v := bijector.Invert(s)
	x := rows([]float64{1})
	there, _ := s.LogDetJacobian(x)
	back, _ := v.LogDetJacobian(x)
	fmt.Println(there, back)
	// Output: [1] [-1]
}

// A multi-scale chain leaves features out as it goes deeper.
func ExampleNewPart() {
	all, _ := bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 4, Kind: "reverse"})
	half, _ := bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 2, Kind: "reverse"})
	part, err := bijector.NewPart(4, 0, 2, half)
	if err != nil {
		fmt.Println(err)
		return
	}
	chain, err := bijector.NewChain[float64](all, part)
	if err != nil {
		fmt.Println(err)
		return
	}
	z, _ := chain.Forward(rows([]float64{1, 2, 3, 4}))
	fmt.Println(z.Values())
	// Output: [3 4 2 1]
}

func ExampleNewChain() {
	scale, _ := bijector.NewScale[float64](bijector.ScaleSpec{Dim: 2})
	reverse, _ := bijector.NewPermute[float64](bijector.PermuteSpec{Dim: 2, Kind: "reverse"})
	chain, err := bijector.NewChain[float64](scale, reverse)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range chain.Params() {
		fmt.Println(p.Name, p.Shape)
	}
	z, _ := chain.Forward(rows([]float64{1, 2}, []float64{3, 4}))
	x, _ := chain.Inverse(z)
	fmt.Println(z.Values(), x.Values())
	// Output:
	// 0.log_scale [2]
	// [2 1 4 3] [1 2 3 4]
}

func ExampleGiven() {
	// A layer of another module, whose scales depend on a context.
	l, err := shear.New[float64](shear.Spec{Dim: 2, Context: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(l.Params()[0].Data, []float64{0, 1, 0, 2}) // log-scales c and 2c
	x := rows([]float64{1, 1}, []float64{1, 1})
	each, _ := bijector.Given(l, rows([]float64{0.5}, []float64{-1})).LogDetJacobian(x)
	all, _ := bijector.Given(l, rows([]float64{0.5})).LogDetJacobian(x)
	fmt.Println(each, all)
	// Output: [1.5 -3] [1.5 1.5]
}

func ExampleMatOf() {
	_, err := bijector.MatOf[float64](rows([]float64{1, 2, 3}), 2)
	fmt.Println(err)
	// Output: bijou: rows have 3 values, the model has 2 features: wrong shape
}

func ExampleNewWorkers() {
	w := bijector.NewWorkers(2)
	defer w.Close()
	squares := make([]int, 5)
	w.For(len(squares), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			squares[i] = i * i
		}
	})
	fmt.Println(squares)
	// Output: [0 1 4 9 16]
}

// A Gaussianize takes heavy tails and skew out of the columns that have them.
func ExampleNewGaussianize() {
	l, err := bijector.NewGaussianize[float64](bijector.GaussianizeSpec{Dim: 2})
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	x := bijector.NewMat[float64](2, 5000)
	for i := range x.N {
		x.Feature(0)[i] = math.Exp(2 * rng.NormFloat64()) // log-normal
		x.Feature(1)[i] = 3 + rng.NormFloat64()           // a normal: stays
	}
	l.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	rows, err := bijector.RowsOf([]float64{1, 3, 50, 4, 1000, 5}, 3, 2)
	if err != nil {
		log.Fatal(err)
	}
	z, err := l.Forward(rows)
	if err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		fmt.Printf("%.1f\n", z.Row(i)) // log x / 2 in the first column
	}
	// Output:
	// [-0.0 3.0]
	// [1.9 4.0]
	// [3.3 5.0]
}
