// Arithmetic on rows, element by element. Destinations may be sources: rows overlap entirely or not
// at all. Multiply and add round separately on every path, so that the bits are the same on all.

package kernel

// AddTo is dst[i] += src[i].
func AddTo[T Float](dst, src []T) {
	if len(src) != len(dst) {
		panic(lengths)
	}
	if addToVector(dst, src) {
		return
	}
	for i, x := range src {
		dst[i] += x
	}
}

// Scale is dst[i] *= a.
func Scale[T Float](dst []T, a T) {
	if scaleVector(dst, a) {
		return
	}
	for i := range dst {
		dst[i] *= a
	}
}

// Mul is dst[i] = x[i]*y[i].
func Mul[T Float](dst, x, y []T) {
	if len(x) != len(dst) || len(y) != len(dst) {
		panic(lengths)
	}
	if mulVector(dst, x, y) {
		return
	}
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

// Rectify is dst[i] = max(0, x[i]); NaN stays NaN, and -0 what it is.
func Rectify[T Float](dst, x []T) {
	if len(x) != len(dst) {
		panic(lengths)
	}
	if rectifyVector(dst, x) {
		return
	}
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

// Affine is dst[i] = a*x[i] + b.
func Affine[T Float](dst, x []T, a, b T) {
	if len(x) != len(dst) {
		panic(lengths)
	}
	if affineVector(dst, x, a, b) {
		return
	}
	for i, v := range x {
		dst[i] = T(a*v) + b
	}
}

// Combine is dst[i] = (a*x[i] + b*y[i]) + c.
func Combine[T Float](dst, x, y []T, a, b, c T) {
	if len(x) != len(dst) || len(y) != len(dst) {
		panic(lengths)
	}
	if combineVector(dst, x, y, a, b, c) {
		return
	}
	for i := range dst {
		dst[i] = (T(a*x[i]) + T(b*y[i])) + c
	}
}

// Widen is dst[i] = float64(src[i]).
func Widen[T Float](dst []float64, src []T) {
	if len(src) != len(dst) {
		panic(lengths)
	}
	if widenVector(dst, src) {
		return
	}
	for i, x := range src {
		dst[i] = float64(x)
	}
}

// Narrow is dst[i] = T(src[i]), rounded to nearest even.
func Narrow[T Float](dst []T, src []float64) {
	if len(src) != len(dst) {
		panic(lengths)
	}
	if narrowVector(dst, src) {
		return
	}
	for i, x := range src {
		dst[i] = T(x)
	}
}
