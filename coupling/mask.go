// Masks: which features a coupling keeps and which it moves.

package coupling

import (
	"fmt"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
)

// maxDim bounds the features of a coupling, so that a spec from a file cannot
// ask for any amount of memory.
const maxDim = 1 << 20

// MaskSpec says which features of a coupling are kept. At least one is kept
// and at least one moved, so a coupling has two features or more.
type MaskSpec struct {
	// Kind is one of
	//
	//	odd          keeps 1, 3, 5, ...; the default
	//	even         keeps 0, 2, 4, ...
	//	half         keeps the first d/2, rounded down
	//	second-half  keeps the others
	//	random       keeps d/2, rounded down, drawn from Seed
	//	given        keeps those whose Keep is 1; the default where Keep is set
	//
	// and, over images of Channels, Height and Width,
	//
	//	checkerboard  keeps the pixels (y, x) of each channel with y+x odd
	//	channel       keeps the first half of the channels, rounded down
	//
	// (Dinh et al. 2017, arXiv 1605.08803, section 3.4 and figure 3).
	Kind string `json:"kind,omitempty"`
	// Keep has a 1 for each feature that is kept and a 0 for each that is
	// moved. It goes with the kind "given" alone.
	Keep []int `json:"keep,omitempty"`
	// Seed of a random mask.
	Seed uint64 `json:"seed,omitempty"`
	// Channels, Height and Width of the images that a checkerboard or channel
	// mask is for; 0 for the other kinds.
	Channels int `json:"channels,omitempty"`
	Height   int `json:"height,omitempty"`
	Width    int `json:"width,omitempty"`
	// Invert keeps what the kind moves and moves what it keeps: the mask of
	// every other coupling.
	Invert bool `json:"invert,omitempty"`
}

// image is the size of the images, or an error where the kind is for
// features in a row, or the images do not have dim features.
func (s MaskSpec) image(dim int) error {
	over := s.Kind == "checkerboard" || s.Kind == "channel"
	size := float64(s.Channels) * float64(s.Height) * float64(s.Width)
	switch {
	case !over && (s.Channels != 0 || s.Height != 0 || s.Width != 0):
		return fmt.Errorf("coupling: a mask of kind %q over images of %dx%dx%d, which only checkerboard and channel are: %w", s.Kind, s.Channels, s.Height, s.Width, bijector.ErrSpec)
	case over && (s.Channels < 1 || s.Height < 1 || s.Width < 1 || size != float64(dim)):
		return fmt.Errorf("coupling: a mask over images of %dx%dx%d for %d features: %w", s.Channels, s.Height, s.Width, dim, bijector.ErrShape)
	}
	return nil
}

// sizes are the numbers of features that are kept and moved, where the mask is
// one at all. They are told without making it, so they may be one short of the
// larger number.
func (s MaskSpec) sizes(dim int) (kept, moved float64) {
	kept, moved = float64(dim/2), float64(dim/2)
	switch {
	case s.Keep != nil:
		kept = 0
		for _, k := range s.Keep {
			if k == 1 {
				kept++
			}
		}
		moved = float64(dim) - kept
	case s.Kind == "channel":
		kept = float64(s.Channels/2) * float64(s.Height) * float64(s.Width)
		moved = float64(dim) - kept
	}
	if s.Invert {
		return moved, kept
	}
	return kept, moved
}

// mask returns the mask of dim features, 1 where one is kept.
func (s MaskSpec) mask(dim int) ([]int64, error) {
	if dim < 2 || dim > maxDim {
		return nil, fmt.Errorf("coupling: %d features, want 2 to %d: one to keep and one to move at least: %w", dim, maxDim, bijector.ErrSpec)
	}
	kind := s.Kind
	switch {
	case kind == "" && s.Keep != nil:
		kind = "given"
	case kind == "":
		kind = "odd"
	case kind != "given" && s.Keep != nil:
		return nil, fmt.Errorf("coupling: mask of kind %q with keep set; leave keep out, or the kind: %w", kind, bijector.ErrSpec)
	}
	if err := s.image(dim); err != nil {
		return nil, err
	}
	m := make([]int64, dim)
	switch kind {
	case "odd":
		for i := 1; i < dim; i += 2 {
			m[i] = 1
		}
	case "even":
		for i := 0; i < dim; i += 2 {
			m[i] = 1
		}
	case "half":
		for i := range dim / 2 {
			m[i] = 1
		}
	case "second-half":
		for i := dim / 2; i < dim; i++ {
			m[i] = 1
		}
	case "random":
		rng := rand.New(rand.NewPCG(s.Seed, 0x6d61736b))
		for _, i := range rng.Perm(dim)[:dim/2] {
			m[i] = 1
		}
	case "given":
		if len(s.Keep) != dim {
			return nil, fmt.Errorf("coupling: keep has %d values, the coupling %d features: %w", len(s.Keep), dim, bijector.ErrShape)
		}
		for i, k := range s.Keep {
			m[i] = int64(k)
		}
	case "checkerboard":
		for i := range m {
			m[i] = int64((i/s.Width%s.Height + i%s.Width) % 2)
		}
	case "channel":
		for i := range s.Channels / 2 * s.Height * s.Width {
			m[i] = 1
		}
	default:
		return nil, fmt.Errorf("coupling: mask of kind %q, want odd, even, half, second-half, random, given, checkerboard or channel: %w", s.Kind, bijector.ErrSpec)
	}
	if s.Invert {
		for i, k := range m {
			if k == 0 || k == 1 {
				m[i] = 1 - k
			}
		}
	}
	_, err := countKept(m)
	return m, err
}

// countKept returns how many features a mask keeps, or why it is no mask.
func countKept(mask []int64) (int, error) {
	kept := 0
	for i, k := range mask {
		if k != 0 && k != 1 {
			return 0, fmt.Errorf("coupling: the mask is %d at feature %d, want 1 (kept) or 0 (moved): %w", k, i, bijector.ErrSpec)
		}
		kept += int(k)
	}
	if kept == 0 || kept == len(mask) {
		return 0, fmt.Errorf("coupling: the mask keeps %d of %d features; keep one and move one at least: %w", kept, len(mask), bijector.ErrSpec)
	}
	return kept, nil
}

// splitMask appends the indices of the kept and of the moved features, ascending.
func splitMask(mask []int64, kept, moved []int) (k, m []int) {
	for i, v := range mask {
		if v == 1 {
			kept = append(kept, i)
		} else {
			moved = append(moved, i)
		}
	}
	return kept, moved
}
