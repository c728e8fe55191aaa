//go:build purego || !(amd64 || arm64)

// Where there is no assembly, the portable code is the only path.

package kernel

var available = []pathID{portable}

const path = portable

func gemmVector[T Float](int, int, int, []T, int, int, []T, int, []int, []T, int, Epilogue[T]) bool {
	return false
}
