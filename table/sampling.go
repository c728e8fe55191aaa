// The rows that inference samples: those of the lowest priorities, which do not depend
// on who reads them and when.

package table

import (
	"cmp"
	"container/heap"
	"slices"
)

// priority is that of a row of a part, another one for each.
func priority(seed uint64, part, row int) uint64 {
	return mix(uint64(part)<<40 ^ uint64(row) ^ mix(seed+0x9e3779b97f4a7c15))
}

// mix scatters numbers, one to one (the finaliser of SplitMix64, Steele et al. 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// sampleHeap has the rows of the sample, the highest priority first.
type sampleHeap []sampleRow

// sampleRow is a row of the sample, in a slot of each column's.
type sampleRow struct {
	Priority uint64
	Slot     int
}

func (h sampleHeap) Len() int           { return len(h) }
func (h sampleHeap) Less(i, j int) bool { return h[i].Priority > h[j].Priority }
func (h sampleHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *sampleHeap) Push(x any) { *h = append(*h, x.(sampleRow)) }

// Pop is heap.Interface's.
func (h *sampleHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// take is the slot of a row in a sample of so many; -1: it stays outside.
func (h *sampleHeap) take(priority uint64, most int) (slot int) {
	if len(*h) < most {
		slot = len(*h)
		heap.Push(h, sampleRow{priority, slot})
		return slot
	}
	if top := &(*h)[0]; priority < top.Priority {
		top.Priority, slot = priority, top.Slot
		heap.Fix(h, 0)
		return slot
	}
	return -1
}

// kept is, for each slot of a merged sample, where its row was: a slot of the first
// sample, or ^slot of the second.
type kept []int

// merge makes h the heap of both samples' lowest priorities.
func (h *sampleHeap) merge(other sampleHeap, most int) (from kept) {
	all := slices.Clone(*h)
	for _, r := range other {
		all = append(all, sampleRow{r.Priority, ^r.Slot})
	}
	slices.SortFunc(all, func(a, b sampleRow) int { return cmp.Compare(a.Priority, b.Priority) })
	all = all[:min(len(all), most)]
	slices.Reverse(all) // which is a heap
	for slot := range all {
		from = append(from, all[slot].Slot)
		all[slot].Slot = slot
	}
	*h = all
	return from
}

// of are a column's numbers in the merged sample.
func (k kept) of(mine, theirs []float64) []float64 {
	if len(mine)+len(theirs) == 0 { // of a column that is left out
		return nil
	}
	values := make([]float64, len(k))
	for slot, from := range k {
		if from >= 0 {
			values[slot] = mine[from]
		} else {
			values[slot] = theirs[^from]
		}
	}
	return values
}
