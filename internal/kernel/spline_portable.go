//go:build purego || !amd64

// Splines where there is no assembly for them.

package kernel

type splineArgs struct{}

func splineSharesVector[T Float](n, bins int, free [2]float64, logits [2]Strided[T], shares [2]Strided[float64], scale [2][]float64) bool {
	return false
}

func (s *Spline[T]) prepare() {}

func (s *Spline[T]) locateVector() bool { return false }

func (s *Spline[T]) slopesVector() bool { return false }

func (s *Spline[T]) forwardVector(y, x []T, logDet []float64) bool { return false }

func (s *Spline[T]) backwardVector(dx []T, d SplineGrads[T], dy []T, dLogDet []float64) bool {
	return false
}
