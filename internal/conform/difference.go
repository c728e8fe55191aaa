// How derivatives are computed numerically.

package conform

// Steps of numeric derivatives. A result may agree at any of them: a long step
// is exact for smooth functions, a short one stays on one side of a kink.
var Steps = []float64{1e-3, 1e-4, 1e-5, 1e-6}

// Stencil is the difference formula of fourth order,
// f'(x) = sum_k w_k f(x + o_k h)/h.
var Stencil = []struct{ Offset, Weight float64 }{
	{-2, 1.0 / 12}, {-1, -8.0 / 12}, {1, 8.0 / 12}, {2, -1.0 / 12},
}
