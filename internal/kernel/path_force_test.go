//go:build !purego && (amd64 || arm64)

package kernel

// force makes the other tests run on a path.
func force(p pathID) { path = p }
