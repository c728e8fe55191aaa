//go:build !unix

// Systems whose files open at once.

package input

const withoutWaiting = 0
