package coupling

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

func TestMaskKinds(t *testing.T) {
	for _, c := range []struct {
		spec MaskSpec
		dim  int
		want []int64
	}{
		{MaskSpec{}, 5, []int64{0, 1, 0, 1, 0}},
		{MaskSpec{Kind: "odd"}, 4, []int64{0, 1, 0, 1}},
		{MaskSpec{Kind: "even"}, 5, []int64{1, 0, 1, 0, 1}},
		{MaskSpec{Kind: "half"}, 5, []int64{1, 1, 0, 0, 0}},
		{MaskSpec{Kind: "second-half"}, 5, []int64{0, 0, 1, 1, 1}},
		{MaskSpec{Kind: "half"}, 2, []int64{1, 0}},
		{MaskSpec{Kind: "given", Keep: []int{1, 1, 0}}, 3, []int64{1, 1, 0}},
		{MaskSpec{Keep: []int{0, 1, 1}}, 3, []int64{0, 1, 1}},
		{MaskSpec{Kind: "even", Invert: true}, 3, []int64{0, 1, 0}},
		{MaskSpec{Keep: []int{0, 1, 1}, Invert: true}, 3, []int64{1, 0, 0}},
		{checkerboardMask(1, 2, 3, false), 6, []int64{0, 1, 0, 1, 0, 1}},
		{checkerboardMask(1, 3, 2, false), 6, []int64{0, 1, 1, 0, 0, 1}},
		{checkerboardMask(2, 1, 3, true), 6, []int64{1, 0, 1, 1, 0, 1}},
		{halfMask(2, 1, 2, false), 4, []int64{1, 1, 0, 0}},
		{halfMask(3, 1, 2, true), 6, []int64{0, 0, 1, 1, 1, 1}},
	} {
		got, err := c.spec.mask(c.dim)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v of %d: %v (%v), want %v", c.spec, c.dim, got, err, c.want)
		}
	}
}

func checkerboardMask(c, h, w int, invert bool) MaskSpec {
	return MaskSpec{Kind: "checkerboard", Channels: c, Height: h, Width: w, Invert: invert}
}

func halfMask(c, h, w int, invert bool) MaskSpec {
	return MaskSpec{Kind: "channel", Channels: c, Height: h, Width: w, Invert: invert}
}

func TestRandomMask(t *testing.T) {
	var first []int64
	differ := false
	for seed := range uint64(20) {
		m, err := MaskSpec{Kind: "random", Seed: seed}.mask(9)
		if err != nil {
			t.Fatal(err)
		}
		if kept, _ := countKept(m); kept != 4 {
			t.Errorf("seed %d keeps %d of 9, want 4", seed, kept)
		}
		again, _ := MaskSpec{Kind: "random", Seed: seed}.mask(9)
		if !slices.Equal(m, again) {
			t.Errorf("seed %d draws %v and %v", seed, m, again)
		}
		if first == nil {
			first = m
		}
		differ = differ || !slices.Equal(m, first)
	}
	if !differ {
		t.Error("all seeds draw the same mask")
	}
}

func TestMaskRefuses(t *testing.T) {
	const huge = min(1<<40, math.MaxInt)
	for _, c := range []struct {
		spec MaskSpec
		dim  int
		want error
	}{
		{MaskSpec{}, 1, bijector.ErrSpec},
		{MaskSpec{}, -3, bijector.ErrSpec},
		{MaskSpec{}, huge, bijector.ErrSpec},
		{MaskSpec{Kind: "chequered"}, 4, bijector.ErrSpec},
		{MaskSpec{Kind: "checkerboard"}, 4, bijector.ErrShape},
		{checkerboardMask(1, 2, 3, false), 4, bijector.ErrShape},
		{checkerboardMask(-1, -2, 2, false), 4, bijector.ErrShape},
		{halfMask(huge, huge, huge, false), 4, bijector.ErrShape},
		{halfMask(1, 2, 2, false), 4, bijector.ErrSpec},
		{MaskSpec{Kind: "odd", Width: 2}, 4, bijector.ErrSpec},
		{MaskSpec{Keep: []int{0, -1}, Invert: true}, 2, bijector.ErrSpec},
		{MaskSpec{Kind: "odd", Keep: []int{0, 1}}, 2, bijector.ErrSpec},
		{MaskSpec{Kind: "given"}, 4, bijector.ErrShape},
		{MaskSpec{Keep: []int{1, 0}}, 3, bijector.ErrShape},
		{MaskSpec{Keep: []int{1, 1}}, 2, bijector.ErrSpec},
		{MaskSpec{Keep: []int{0, 0}}, 2, bijector.ErrSpec},
		{MaskSpec{Keep: []int{0, 2}}, 2, bijector.ErrSpec},
		{MaskSpec{Keep: []int{-1, 1}}, 2, bijector.ErrSpec},
	} {
		if m, err := c.spec.mask(c.dim); !errors.Is(err, c.want) {
			t.Errorf("%+v of %d: %v (%v), want %v", c.spec, c.dim, m, err, c.want)
		}
	}
}

// TestChangedMask: a mask that a loader wrote takes effect, and one that
// cannot is refused without harm.
func TestChangedMask(t *testing.T) {
	c, err := NewAffine[float64](AffineSpec{Dim: 4, Hidden: []int{3}})
	if err != nil {
		t.Fatal(err)
	}
	buf := c.Buffers()[0].Data.([]int64)
	copy(buf, []int64{1, 0, 0, 1})
	c.Invalidate()
	if err := c.Validate(); err != nil || !slices.Equal(c.kept, []int{0, 3}) || !slices.Equal(c.moved, []int{1, 2}) {
		t.Errorf("after a mask that fits: kept %v, moved %v, %v", c.kept, c.moved, err)
	}
	for _, bad := range []struct {
		mask []int64
		want error
	}{
		{[]int64{1, 1, 1, 0}, bijector.ErrShape},
		{[]int64{0, 0, 0, 0}, bijector.ErrSpec},
		{[]int64{1, 1, 1, 1}, bijector.ErrSpec},
		{[]int64{2, 0, 0, 0}, bijector.ErrSpec},
	} {
		copy(buf, bad.mask)
		c.Invalidate()
		if err := c.Validate(); !errors.Is(err, bad.want) {
			t.Errorf("mask %v: %v, want %v", bad.mask, err, bad.want)
		}
		if !slices.Equal(c.kept, []int{0, 3}) || !slices.Equal(c.moved, []int{1, 2}) {
			t.Errorf("mask %v was taken over: kept %v, moved %v", bad.mask, c.kept, c.moved)
		}
	}
}
