//go:build purego || !amd64

package kernel

func force(pathID) {}
