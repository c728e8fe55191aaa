package bijector_test

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/bijou-flow/bijou/bijector"
)

func grid(d, n int) bijector.Mat[float64] {
	m := bijector.NewMat[float64](d, n)
	for j := range d {
		for i := range n {
			m.Feature(j)[i] = float64(100*j + i)
		}
	}
	return m
}

func TestMatViews(t *testing.T) {
	m := grid(3, 20)
	if m.Stride < 20 || uintptr(unsafe.Pointer(&m.Data[0]))%64 != 0 || m.Stride*8%64 != 0 {
		t.Errorf("features start at %p with a stride of %d, want whole cache lines", &m.Data[0], m.Stride)
	}
	v := m.Samples(5, 8).Features(1, 3)
	if d := cmp.Diff([]float64{205, 206, 207}, v.Feature(1)); d != "" {
		t.Errorf("feature 2 of samples 5 to 8 (-want +got):\n%s", d)
	}
	v.Zero()
	if m.Feature(2)[4] != 204 || m.Feature(2)[5] != 0 || m.Feature(2)[7] != 0 || m.Feature(2)[8] != 208 || m.Feature(0)[6] != 6 {
		t.Errorf("Zero of a view left %v", m.Feature(2))
	}
	if f := v.Feature(0); cap(f) != 3 {
		t.Errorf("a feature of 3 samples has capacity %d: an append would write into the next", cap(f))
	}
	if e := m.Features(1, 1); !e.Empty() || e.N != 20 {
		t.Errorf("no features are %+v", e)
	}
	if e := (bijector.Mat[float64]{}).Samples(2, 5); !e.Empty() || e.N != 3 {
		t.Errorf("samples of no features are %+v", e)
	}
}

func TestMatResize(t *testing.T) {
	m := bijector.NewMat[float32](3, 40)
	for _, n := range []int{0, 1, 17, 40} {
		r := m.Resize(n)
		if r.N != n || r.D != 3 || r.Stride < n || &r.Data[0] != &m.Data[0] {
			t.Errorf("Resize(%d) has %d samples, %d features, stride %d", n, r.N, r.D, r.Stride)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Resize beyond the storage returns")
		}
	}()
	m.Resize(400)
}

func TestMatCopyFrom(t *testing.T) {
	m, c := grid(2, 5), bijector.NewMat[float64](2, 30).Samples(3, 8)
	c.CopyFrom(m)
	c.CopyFrom(c)
	if d := cmp.Diff(m.Feature(1), c.Feature(1)); d != "" {
		t.Errorf("copy (-want +got):\n%s", d)
	}
	defer func() {
		if recover() == nil {
			t.Error("a copy between different sizes returns")
		}
	}()
	c.CopyFrom(grid(2, 6))
}
