// The interface of layers whose results saturate.

package bijector

// Saturating is an optional interface of a Pass whose layer scales within
// bounds. A flow whose scales sit at them has run out of room, and its inverse
// may soon lose all digits.
type Saturating interface {
	// Saturated sets hit[i] where sample i of the latest Forward or Inverse
	// has a scale within a hundredth of its bound, and leaves the others.
	Saturated(hit []bool)
}
