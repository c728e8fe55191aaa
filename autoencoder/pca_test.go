package autoencoder

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/testkit"
)

// correlatedRows is n rows of d correlated values around 5.
func correlatedRows[T bijector.Float](n, d int) *bijector.Rows[T] {
	rng := rand.New(rand.NewPCG(2, uint64(d)))
	mix := make([]float64, d*d)
	for i := range mix {
		mix[i] = rng.NormFloat64() / float64(1+i%d)
	}
	x := make([]T, n*d)
	for i := range n {
		u := make([]float64, d)
		for j := range u {
			u[j] = rng.NormFloat64()
		}
		for j := range d {
			v := 5.0
			for l := range d {
				v += mix[j*d+l] * u[l]
			}
			x[i*d+j] = T(v)
		}
	}
	return testkit.Rows(x, n, d)
}

// TestPCAAgainstEigenvectors: components are eigenvectors of gonum's
// covariance matrix, with its largest eigenvalues, on both sides of n = d.
func TestPCAAgainstEigenvectors(t *testing.T) {
	for _, c := range []struct{ n, d, k int }{{700, 6, 3}, {40, 40, 5}, {30, 45, 4}, {300, 70, 2}} {
		x := correlatedRows[float64](c.n, c.d)
		p := must(NewPCA[float64](PCASpec{In: c.d, Embedding: c.k}))
		if err := p.Fit(x); err != nil {
			t.Fatal(err)
		}
		data := mat.NewDense(c.n, c.d, x.Float64s())
		var cov mat.SymDense
		stat.CovarianceMatrix(&cov, data, nil)
		var eig mat.EigenSym
		eig.Factorize(&cov, false)
		values := eig.Values(nil)
		along, total := p.ExplainedVariance()
		if math.Abs(total-mat.Trace(&cov)) > 1e-10*total {
			t.Errorf("%v: total variance %v, want %v", c, total, mat.Trace(&cov))
		}
		for i := range c.k {
			if want := values[c.d-1-i]; math.Abs(along[i]-want) > 1e-10*values[c.d-1] {
				t.Errorf("%v: variance %d is %v, want %v", c, i, along[i], want)
			}
			v := mat.NewVecDense(c.d, p.components[i*c.d:(i+1)*c.d])
			var cv mat.VecDense
			cv.MulVec(&cov, v)
			cv.AddScaledVec(&cv, -along[i], v)
			if r := mat.Norm(&cv, 2); r > 1e-10*values[c.d-1] {
				t.Errorf("%v: component %d is off its eigenvector by %v", c, i, r)
			}
			if mat.Max(v) < -mat.Min(v) {
				t.Errorf("%v: component %d points the other way", c, i)
			}
			for j := range i + 1 {
				want := 0.0
				if i == j {
					want = 1
				}
				if dot := mat.Dot(v, mat.NewVecDense(c.d, p.components[j*c.d:(j+1)*c.d])); math.Abs(dot-want) > 1e-12 {
					t.Errorf("%v: components %d and %d have product %v", c, i, j, dot)
				}
			}
		}
		z := must(p.Encode(x))
		for i := range 5 {
			for k := range c.k {
				want := 0.0
				for j := range c.d {
					want += (data.At(i, j) - stat.Mean(mat.Col(nil, j, data), nil)) * p.components[k*c.d+j]
				}
				if got := z.Float64s()[i*c.k+k]; math.Abs(got-want) > 1e-9 {
					t.Fatalf("%v: embedding value %d of row %d is %v, want %v", c, k, i, got, want)
				}
			}
		}
	}
}

// TestPCAReconstruction: the squared error falls with every component, is the
// variance left out, and ends at nothing.
func TestPCAReconstruction(t *testing.T) {
	const n, d = 300, 7
	for _, whiten := range []bool{false, true} {
		x := correlatedRows[float64](n, d)
		last := math.Inf(1)
		for k := 1; k <= d; k++ {
			p := must(NewPCA[float64](PCASpec{In: d, Embedding: k, Whiten: whiten}))
			if err := p.Fit(x); err != nil {
				t.Fatal(err)
			}
			z := must(p.Encode(x))
			y := must(p.Decode(z)).Float64s()
			sum := 0.0
			for i, v := range x.Float64s() {
				sum += (v - y[i]) * (v - y[i]) / (n - 1)
			}
			along, left := p.ExplainedVariance()
			for _, v := range along {
				left -= v
			}
			if !(sum < last) || math.Abs(sum-left) > 1e-9 {
				t.Errorf("%d components leave an error of %v, want %v and less than %v", k, sum, left, last)
			}
			last = sum
			if whiten {
				column := make([]float64, n)
				for i := range column {
					column[i] = z.Float64s()[i*k+k-1]
				}
				if v := stat.Variance(column, nil); math.Abs(v-1) > 1e-9 {
					t.Errorf("whitened component %d of %d has variance %v", k-1, k, v)
				}
			}
		}
		if last > 1e-18 {
			t.Errorf("all components leave an error of %v", last)
		}
	}
}

// Rows that span fewer dimensions than they have values: components beyond the rank
// have no variance, and neither encoding nor decoding has a NaN.
func TestPCAOfDeficientRank(t *testing.T) {
	const n, d, rank = 40, 6, 2
	for name, at := range map[string]func(i, j int) float64{
		"two directions": func(i, j int) float64 {
			return 3 + float64(j+1)*math.Sin(float64(i)) + float64(j*j)*math.Cos(float64(3*i))
		},
		"a constant column": func(i, j int) float64 { return math.Sin(float64(i*min(j, rank) + min(j, rank))) },
		"fewer rows":        func(i, j int) float64 { return math.Sin(float64(min(i, rank)*(j+2) + j)) },
	} {
		for _, whiten := range []bool{false, true} {
			x := bijector.NewRows[float64](n, d)
			for i := range n {
				for j := range d {
					x.Row(i)[j] = at(i, j)
				}
			}
			p := must(NewPCA[float64](PCASpec{In: d, Embedding: d, Whiten: whiten}))
			err := p.Fit(x)
			if whiten { // nothing to divide by
				if !errors.Is(err, bijector.ErrSpec) {
					t.Errorf("%s: whitening, error %v", name, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			y := must(p.Decode(must(p.Encode(x)))).Float64s()
			for i, v := range x.Float64s() {
				if !(math.Abs(v-y[i]) < 1e-9) {
					t.Fatalf("%s: value %d is %v, and %v after a round trip", name, i, v, y[i])
				}
			}
			along, total := p.ExplainedVariance()
			for k, v := range along {
				if !(v >= 0) || k >= rank && v > 1e-12*total {
					t.Errorf("%s: component %d explains %v of %v", name, k, v, total)
				}
			}
		}
	}
}

func TestPCAFloat32(t *testing.T) {
	a, b := must(NewPCA[float32](PCASpec{In: 6, Embedding: 3})), must(NewPCA[float64](PCASpec{In: 6, Embedding: 3}))
	if err := errors.Join(a.Fit(correlatedRows[float32](300, 6)), b.Fit(correlatedRows[float64](300, 6))); err != nil {
		t.Fatal(err)
	}
	want := must(b.Encode(correlatedRows[float64](300, 6))).Float64s()
	for i, v := range must(a.Encode(correlatedRows[float32](300, 6))).Float32s() {
		if math.Abs(float64(v)-want[i]) > 1e-4 {
			t.Fatalf("embedding value %d is %v in float32, %v in float64", i, v, want[i])
		}
	}
}

// TestPCAState: the buffers are the whole state.
func TestPCAState(t *testing.T) {
	x := correlatedRows[float64](200, 6)
	s := PCASpec{In: 6, Embedding: 2, Whiten: true}
	p, q := must(NewPCA[float64](s)), must(NewPCA[float64](s))
	if err := p.Fit(x); err != nil {
		t.Fatal(err)
	}
	if err := q.Fit(correlatedRows[float64](50, 6)); err != nil {
		t.Fatal(err)
	}
	must(q.Encode(x)) // folds the state that is to be replaced
	for i, b := range p.Buffers() {
		switch d := b.Data.(type) {
		case []float64:
			copy(q.Buffers()[i].Data.([]float64), d)
		case []int64:
			copy(q.Buffers()[i].Data.([]int64), d)
		}
	}
	q.Invalidate()
	if err := q.Validate(); err != nil {
		t.Fatal(err)
	}
	want := must(p.Encode(x)).Float64s()
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i, v := range must(q.Encode(x)).Float64s() {
				if v != want[i] {
					t.Errorf("embedding value %d is %v, want %v", i, v, want[i])
					return
				}
			}
		}()
	}
	wg.Wait()
	for name, spoil := range map[string]func(){
		"NaN":               func() { q.mean[1] = math.NaN() },
		"negative variance": func() { q.variance[0] = -1 },
		"no variance":       func() { q.variance[1] = 0 },
		"negative rows":     func() { q.samples[0] = -3 },
	} {
		copy(q.mean, p.mean)
		copy(q.variance, p.variance)
		copy(q.samples, p.samples)
		spoil()
		if q.Validate() == nil {
			t.Errorf("%s: Validate finds nothing", name)
		}
	}
}

func TestPCAErrors(t *testing.T) {
	for name, s := range map[string]PCASpec{"in": {}, "too many": {In: 3, Embedding: 4}, "negative": {In: 3, Embedding: -1}, "huge": {In: 1 << 30}} {
		if p, err := NewPCA[float32](s); !errors.Is(err, bijector.ErrSpec) || p != nil {
			t.Errorf("%s: %v, want ErrSpec", name, err)
		}
	}
	if s := must(NewPCA[float32](PCASpec{In: 30})).Spec().(PCASpec); s.Embedding != 20 {
		t.Errorf("default of %d components", s.Embedding)
	}
	p := must(NewPCA[float64](PCASpec{In: 4, Embedding: 3, Whiten: true}))
	if _, err := p.Encode(correlatedRows[float64](5, 4)); !errors.Is(err, ErrNotFitted) {
		t.Errorf("Encode before Fit: %v", err)
	}
	if _, err := p.Decode(correlatedRows[float64](5, 3)); !errors.Is(err, ErrNotFitted) {
		t.Errorf("Decode before Fit: %v", err)
	}
	flat := correlatedRows[float64](50, 4)
	for i := range 50 {
		for j := 2; j < 4; j++ {
			flat.Float64s()[i*4+j] = 1
		}
	}
	nan := correlatedRows[float64](50, 4)
	nan.Float64s()[4*33] = math.NaN()
	huge := correlatedRows[float64](50, 4)
	huge.Float64s()[0] = 1e300
	for name, c := range map[string]struct {
		x    tensor.Tensor
		want error
	}{
		"few":       {correlatedRows[float64](3, 4), bijector.ErrShape},
		"width":     {correlatedRows[float64](9, 5), bijector.ErrShape},
		"type":      {correlatedRows[float32](9, 4), bijector.ErrDType},
		"flat":      {flat, bijector.ErrSpec},
		"NaN":       {nan, bijector.ErrNonFinite},
		"overflows": {huge, bijector.ErrNonFinite},
	} {
		if err := p.Fit(c.x); !errors.Is(err, c.want) {
			t.Errorf("Fit to %s: %v, want %v", name, err, c.want)
		}
		if _, err := p.Encode(correlatedRows[float64](5, 4)); !errors.Is(err, ErrNotFitted) {
			t.Errorf("after a failed Fit to %s: %v", name, err)
		}
	}
	wide := must(NewPCA[float64](PCASpec{In: 90, Embedding: 3}))
	huge = correlatedRows[float64](50, 90)
	huge.Float64s()[0] = 1e300
	if err := wide.Fit(huge); !errors.Is(err, bijector.ErrNonFinite) {
		t.Errorf("Fit of fewer rows than columns that overflow: %v, want ErrNonFinite", err)
	}
}

func TestIdentity(t *testing.T) {
	m := must(NewIdentity[float32](IdentitySpec{Dim: 3}))
	x := correlatedRows[float32](200, 3)
	for _, f := range []func(tensor.Tensor) (*bijector.Rows[float32], error){m.Encode, m.Decode} {
		z := must(f(x))
		z.Float32s()[0]++ // a copy
		for i, v := range z.Float32s()[1:] {
			if v != x.Float32s()[1+i] {
				t.Fatalf("value %d is %v, was %v", 1+i, v, x.Float32s()[1+i])
			}
		}
	}
	if x.Float32s()[0] != correlatedRows[float32](1, 3).Float32s()[0] {
		t.Error("the identity returned its argument")
	}
	if _, err := m.Encode(correlatedRows[float32](2, 4)); !errors.Is(err, bijector.ErrShape) {
		t.Errorf("a width of 4: %v", err)
	}
	if _, err := NewIdentity[float32](IdentitySpec{}); !errors.Is(err, bijector.ErrSpec) {
		t.Errorf("no width: %v", err)
	}
	if m.Embedding() != 3 || m.Spec() != (IdentitySpec{Dim: 3}) || m.Params() != nil || m.Buffers() != nil {
		t.Error("the identity's state")
	}
}
