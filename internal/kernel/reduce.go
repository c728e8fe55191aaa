// Reductions, accumulated in float64 in eight lanes: element i goes to lane i%8, and the lanes are
// added as a tree. The order is the same for every vector width, and so are the bits.

package kernel

// lanes are the partial sums of a reduction.
type lanes [8]float64

func (s *lanes) total() float64 {
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

// Sum is the sum of x.
func Sum[T Float](x []T) float64 {
	var s lanes
	if !sumVector(&s, x) {
		for i, v := range x {
			s[i%8] += float64(v)
		}
	}
	return s.total()
}

// AddRowSums adds to each value of dst the sum of a row of x, n values from i*stride on for dst[i]:
//
//	dst[i] += T(Sum(x[i*stride:][:n]))
func AddRowSums[T Float](dst, x []T, stride, n int) {
	if n < 0 || stride < n || len(dst) > 0 && (len(dst)-1)*stride+n > len(x) {
		panic("kernel: AddRowSums with overlapping rows, or X too short")
	}
	if addRowSumsVector(dst, x, stride, n) {
		return
	}
	for i := range dst {
		dst[i] += T(Sum(x[i*stride:][:n]))
	}
}

// Dot is the sum of x[i]*y[i].
func Dot[T Float](x, y []T) float64 {
	if len(y) != len(x) {
		panic(lengths)
	}
	var s lanes
	if !dotVector(&s, x, y) {
		for i, v := range x {
			s[i%8] += float64(float64(v) * float64(y[i]))
		}
	}
	return s.total()
}

// SumSquares is the sum of (x[i]-about)^2.
func SumSquares[T Float](x []T, about float64) float64 {
	var s lanes
	if !sumSquaresVector(&s, x, about) {
		for i, v := range x {
			d := float64(v) - about
			s[i%8] += float64(d * d)
		}
	}
	return s.total()
}

// Finite says whether x holds neither NaN nor an infinity.
func Finite[T Float](x []T) bool {
	if finite, ran := finiteVector(x); ran {
		return finite
	}
	for _, v := range x {
		if v-v != 0 { // 0 for every finite number, NaN for the others
			return false
		}
	}
	return true
}
