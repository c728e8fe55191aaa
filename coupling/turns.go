// Whose turn it is: permutations under which a stack of couplings moves every
// feature equally often.

package coupling

import (
	"math/rand/v2"
	"slices"
)

// featureTracker follows the features of the data through a stack of couplings and
// permutations.
type featureTracker struct {
	featureAt []int // at[p] is the feature of the data that is at place p now
	moveCount []int // how often each feature of the data was moved
}

func newFeatureTracker(dim int) *featureTracker {
	t := &featureTracker{featureAt: make([]int, dim), moveCount: make([]int, dim)}
	for i := range t.featureAt {
		t.featureAt[i] = i
	}
	return t
}

// nextOrder counts a coupling with this mask and returns the permutation to put
// before another with the same mask, z[j] = x[order[j]]: the features moved
// least often go where it moves, drawn at random among equals and placed at
// random. The counts never differ by more than one, since a feature is moved
// again only when all others have had their turn.
func (t *featureTracker) nextOrder(mask []int64, rng *rand.Rand) (order []int) {
	kept, moved := splitMask(mask, nil, nil)
	for _, p := range moved {
		t.moveCount[t.featureAt[p]]++
	}
	from := rng.Perm(len(t.featureAt)) // places of now, in the order of their turn
	slices.SortStableFunc(from, func(p, q int) int { return t.moveCount[t.featureAt[p]] - t.moveCount[t.featureAt[q]] })
	first, rest := from[:len(moved)], from[len(moved):]
	shuffle(first, rng) // which of the least moved goes where must not depend on its count
	shuffle(rest, rng)
	order = make([]int, len(from))
	for i, p := range first {
		order[moved[i]] = p
	}
	for i, p := range rest {
		order[kept[i]] = p
	}
	now := make([]int, len(order))
	for j, p := range order {
		now[j] = t.featureAt[p]
	}
	t.featureAt = now
	return order
}

func shuffle(s []int, rng *rand.Rand) {
	rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}
