// The paths, and the choice among them.

package kernel

// Path names the code that runs: "portable", "avx2", "avx512" or "neon".
func Path() string { return path.String() }

type pathID uint8

const (
	portable pathID = iota
	avx2
	avx512
	neon
)

var pathNames = [...]string{portable: "portable", avx2: "avx2", avx512: "avx512", neon: "neon"}

func (p pathID) String() string { return pathNames[p] }

// choose returns the path that is asked for if it is one of those available, which are in ascending
// order of speed, and the last of them otherwise.
func choose(asked string, available []pathID) pathID {
	for _, p := range available {
		if p.String() == asked {
			return p
		}
	}
	return available[len(available)-1]
}
