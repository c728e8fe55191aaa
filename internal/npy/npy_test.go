package npy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestBytes pins files to what numpy.save writes for the same arrays.
func TestBytes(t *testing.T) {
	head := func(dict string) string {
		return "\x93NUMPY\x01\x00v\x00" + dict + strings.Repeat(" ", 117-len(dict)) + "\n"
	}
	for name, c := range map[string]struct {
		write func(io.Writer) error
		want  string
	}{
		"float32 (2, 1)": {
			func(w io.Writer) error { return Write(w, []int{2, 1}, []float32{1, -2}) },
			head("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }") + "\x00\x00\x80\x3f\x00\x00\x00\xc0",
		},
		"float64 (1,)": {
			func(w io.Writer) error { return Write(w, []int{1}, []float64{1}) },
			head("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }") + "\x00\x00\x00\x00\x00\x00\xf0\x3f",
		},
		"float32 ()": {
			func(w io.Writer) error { return Write(w, nil, []float32{0}) },
			head("{'descr': '<f4', 'fortran_order': False, 'shape': (), }") + "\x00\x00\x00\x00",
		},
		"float64 (0, 3)": {
			func(w io.Writer) error { return Write(w, []int{0, 3}, []float64{}) },
			head("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }"),
		},
	} {
		var b bytes.Buffer
		if err := c.write(&b); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n got %q\nwant %q", name, err, b.String(), c.want)
		}
	}
}

func roundTrip[T float32 | float64](t *testing.T, special ...T) {
	for _, shape := range [][]int{{}, {5}, {2, 3}, {1, 0, 4}, {2, 3, 4, 5}, {1000, 70}, slices.Repeat([]int{1}, 40)} {
		n, _ := volume(shape)
		data := make([]T, n)
		for i := range data {
			data[i] = T(i)/7 - 3
		}
		copy(data, special)
		var b bytes.Buffer
		if err := Write(&b, shape, data); err != nil {
			t.Fatal(err)
		}
		if head := b.Len() - n*map[bool]int{true: 4, false: 8}[fmt.Sprintf("%T", *new(T)) == "float32"]; head%64 != 0 {
			t.Errorf("shape %v: data starts at %d, want a multiple of 64", shape, head)
		}
		gotShape, got, err := Read[T](&b)
		if err != nil || !slices.Equal(gotShape, shape) {
			t.Errorf("shape %v became %v, %v", shape, gotShape, err)
			continue
		}
		for i := range data {
			if math.Float64bits(float64(got[i])) != math.Float64bits(float64(data[i])) {
				t.Errorf("shape %v: value %d is %v, want %v", shape, i, got[i], data[i])
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	inf := math.Inf(-1)
	roundTrip(t, float32(math.Copysign(0, -1)), float32(inf), math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.NaN()))
	roundTrip(t, math.Copysign(0, -1), inf, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN())
}

func TestWriteErrors(t *testing.T) {
	for _, shape := range [][]int{{2}, {-1, -3}, {}, {math.MaxInt, math.MaxInt}, {3, 0}} {
		if err := Write(io.Discard, shape, []float32{1, 2, 3}); err == nil {
			t.Errorf("three values were written as shape %v", shape)
		}
	}
	if err := Write(io.Discard, slices.Repeat([]int{1}, 30000), []float32{1}); err == nil {
		t.Errorf("a header beyond 64 KiB was written")
	}
	broken := errors.New("disk full")
	r, w := io.Pipe()
	r.CloseWithError(broken)
	for _, n := range []int{1, 1 << 20} {
		if err := Write(w, []int{n}, make([]float64, n)); !errors.Is(err, broken) {
			t.Errorf("%d values to a full disk: %v", n, err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, []int{2, 3}, make([]float32, 6)); err != nil {
		t.Fatal(err)
	}
	good := b.String()
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, in := range map[string]string{
		"empty":         "",
		"magic":         "PK\x03\x04" + good[4:],
		"version":       swap("\x01\x00", "\x02\x00"),
		"cut header":    good[:50],
		"cut data":      good[:len(good)-1],
		"no data":       good[:128],
		"trailing":      good + "x",
		"other type":    swap("<f4", "<f8"),
		"big-endian":    swap("<f4", ">f4"),
		"column-major":  swap("False,", "True, "),
		"negative axis": swap("(2, 3)", "(-2,3)"),
		"axis missing":  swap("(2, 3)", "(2,,3)"),
		"not a dict":    swap("{", "["),
		"huge":          swap("(2, 3), }      ", "(2, 3000000000)}"),
		"overflow":      swap("(2, 3), }"+strings.Repeat(" ", 40), "(4000000000, 4000000000, 4000000000), }"+strings.Repeat(" ", 10)),
	} {
		if _, _, err := Read[float32](strings.NewReader(in)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat", name, err)
		}
	}
}
