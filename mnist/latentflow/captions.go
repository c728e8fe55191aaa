// Pictures in which every image has a caption below it.

package main

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/bijou-flow/bijou/mnist"
)

// enlarged is the side of a square that a pixel becomes in these pictures.
const enlarged = 3

// drawCaptioned draws the given rows of a set into a grid, with a caption below
// each. The grid's sizes are of its images with their captions, and filled in.
func drawCaptioned(g mnist.Grid, set *mnist.Set, rows []int, captions []string) (image.Image, error) {
	face := basicfont.Face7x13
	h, w := set.Height()*enlarged, set.Width()*enlarged
	g.Height, g.Width, g.Scale = h+face.Height+2, w, 1
	for _, c := range captions {
		g.Width = max(g.Width, font.MeasureString(face, c).Ceil()+14)
	}
	values := make([]float32, 0, len(rows)*g.Height*g.Width)
	for i, r := range rows {
		tile := image.NewGray(image.Rect(0, 0, g.Width, g.Height))
		left := (g.Width - w) / 2
		for y := range h {
			for x := range w {
				tile.Pix[y*tile.Stride+left+x] = set.Image(r)[y/enlarged*set.Width()+x/enlarged]
			}
		}
		pen := font.Drawer{Dst: tile, Src: image.NewUniform(color.Gray{Y: 0xff}), Face: face}
		pen.Dot = fixed.P((g.Width-font.MeasureString(face, captions[i]).Ceil())/2, h+face.Ascent)
		draw.Draw(tile, image.Rect(0, h, g.Width, g.Height), image.NewUniform(color.Gray{Y: 0x26}), image.Point{}, draw.Src)
		pen.DrawString(captions[i])
		for _, v := range tile.Pix {
			values = append(values, float32(v)/255)
		}
	}
	return mnist.DrawValues(g, values)
}
