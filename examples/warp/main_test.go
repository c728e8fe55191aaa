// The picture has its four squares, each with something in it.

package main

import "testing"

func TestDraw(t *testing.T) {
	f, x, err := fit(1000, 5)
	if err != nil {
		t.Fatal(err)
	}
	img, err := draw(f, x)
	if err != nil {
		t.Fatal(err)
	}
	white := palette[0]
	for square := range 4 {
		painted := 0
		for i := range side {
			for j := range side {
				if img.At(square*(side+gap)+i, j) != white {
					painted++
				}
			}
		}
		if painted < side*side/100 || painted > side*side*9/10 {
			t.Errorf("square %d has %d painted pixels of %d", square, painted, side*side)
		}
	}
}
