// The arithmetic of an affine coupling, one feature's row at a time: computed in float64 whatever
// the rows' type, since chains of float32 exponentials lose three digits of a round trip. A row's
// destination may be one of its sources, overlapping entirely.

package kernel

import "math"

// AffineForward scales and shifts a row, keeps the scale and adds to the log-determinant:
//
//	e[i] = exp(s[i])
//	y[i] = T(float64(x[i])*e[i] + float64(t[i]))
//	logDet[i] += s[i]
//
// e may be s.
func AffineForward[T Float](y, x, t []T, e, s, logDet []float64) {
	if len(x) != len(y) || len(t) != len(y) || len(e) != len(y) || len(s) != len(y) || len(logDet) != len(y) {
		panic(lengths)
	}
	if affineForwardVector(y, x, t, e, s, logDet) {
		return
	}
	for i, v := range s {
		f := exp(v)
		y[i] = T(float64(float64(x[i])*f) + float64(t[i]))
		logDet[i] += v
		e[i] = f
	}
}

// AffineInverse undoes AffineForward:
//
//	x[i] = T((float64(y[i]) - float64(t[i])) * exp(-s[i]))
//	logDet[i] -= s[i]
func AffineInverse[T Float](x, y, t []T, s, logDet []float64) {
	if len(y) != len(x) || len(t) != len(x) || len(s) != len(x) || len(logDet) != len(x) {
		panic(lengths)
	}
	if affineInverseVector(x, y, t, s, logDet) {
		return
	}
	for i, v := range s {
		x[i] = T((float64(y[i]) - float64(t[i])) * exp(-v))
		logDet[i] -= v
	}
}

// TanhAffineForward is AffineForward with the scale a*tanh(r), and keeps the tanh, too:
//
//	kept[i] = tanh(r[i])
//	s := kept[i] * float64(a[i])
//	e[i] = exp(s)
//	y[i] = T(float64(x[i])*e[i] + float64(t[i]))
//	logDet[i] += s
func TanhAffineForward[T Float](y, x, t, r, a []T, kept, e, logDet []float64) {
	if len(x) != len(y) || len(t) != len(y) || len(r) != len(y) || len(a) != len(y) || len(kept) != len(y) || len(e) != len(y) || len(logDet) != len(y) {
		panic(lengths)
	}
	if tanhAffineForwardVector(y, x, t, r, a, kept, e, logDet) {
		return
	}
	for i, v := range r {
		k := math.Tanh(float64(v))
		s := k * float64(a[i])
		f := exp(s)
		y[i] = T(float64(float64(x[i])*f) + float64(t[i]))
		logDet[i] += s
		kept[i], e[i] = k, f
	}
}

// TanhAffineInverse undoes TanhAffineForward:
//
//	s := tanh(r[i]) * float64(a[i])
//	x[i] = T((float64(y[i]) - float64(t[i])) * exp(-s))
//	logDet[i] -= s
func TanhAffineInverse[T Float](x, y, t, r, a []T, logDet []float64) {
	if len(y) != len(x) || len(t) != len(x) || len(r) != len(x) || len(a) != len(x) || len(logDet) != len(x) {
		panic(lengths)
	}
	if tanhAffineInverseVector(x, y, t, r, a, logDet) {
		return
	}
	for i, v := range r {
		s := math.Tanh(float64(v)) * float64(a[i])
		x[i] = T((float64(y[i]) - float64(t[i])) * exp(-s))
		logDet[i] -= s
	}
}

// AffineBackward is the adjoint of AffineForward, given the gradients of y and of the
// log-determinant, and x and e of the forward pass:
//
//	dx[i] = T(float64(dy[i])*e[i])
//	dt[i] = dy[i]
//	ds[i] = (float64(dy[i])*e[i])*float64(x[i]) + dLogDet[i]
//
// dx or dt may be dy, ds may be e.
func AffineBackward[T Float](dx, dt []T, ds []float64, dy, x []T, e, dLogDet []float64) {
	if len(dt) != len(dx) || len(ds) != len(dx) || len(dy) != len(dx) || len(x) != len(dx) || len(e) != len(dx) || len(dLogDet) != len(dx) {
		panic(lengths)
	}
	if affineBackwardVector(dx, dt, ds, dy, x, e, dLogDet) {
		return
	}
	for i, d := range dy {
		v := float64(d) * e[i]
		ds[i] = float64(v*float64(x[i])) + dLogDet[i]
		dt[i] = d
		dx[i] = T(v)
	}
}

// TanhAffineBackward is the adjoint of TanhAffineForward, given the gradients of y and of the
// log-determinant, and x, kept and e of the forward pass:
//
//	dx[i] = T(float64(dy[i])*e[i])
//	dt[i] = dy[i]
//	ds := (float64(dy[i])*e[i])*float64(x[i]) + dLogDet[i]
//	da[i] = T(ds*kept[i])
//	dr[i] = T(ds*float64(a[i]) * ((1-kept[i])*(1+kept[i])))
//
// dx or dt may be dy.
func TanhAffineBackward[T Float](dx, dt, dr, da, dy, x, a []T, kept, e, dLogDet []float64) {
	if n := len(dx); len(dt) != n || len(dr) != n || len(da) != n || len(dy) != n || len(x) != n || len(a) != n || len(kept) != n || len(e) != n || len(dLogDet) != n {
		panic(lengths)
	}
	if tanhAffineBackwardVector(dx, dt, dr, da, dy, x, a, kept, e, dLogDet) {
		return
	}
	for i, d := range dy {
		v, k := float64(d)*e[i], kept[i]
		ds := float64(v*float64(x[i])) + dLogDet[i]
		dt[i], dx[i] = d, T(v)
		da[i] = T(ds * k)
		dr[i] = T(ds * float64(a[i]) * ((1 - k) * (1 + k)))
	}
}
