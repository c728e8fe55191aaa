// Package random makes seeds.
package random

// Mix is the output function of splitmix64 (Steele, Lea and Flood 2014): it
// makes unrelated seeds of neighbouring numbers.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
