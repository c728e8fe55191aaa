// Matrix products: the API and its checks. The portable tiles are in gemm_portable.go.

package kernel

// Mode says what Gemm does with a product.
type Mode uint8

const (
	Store Mode = iota // C = A·B + bias
	Add               // C += A·B
	ReLU              // C = max(0, A·B + bias); NaN stays NaN
	Gate              // C = A·B where Aux > 0, else 0: the backward pass of ReLU
)

// Epilogue is what happens to a product before it is stored. The zero value stores it.
type Epilogue[T Float] struct {
	Mode Mode
	Bias []T // one a row of C; nil: none; read by Store and ReLU only
	Aux  []T // Gate only: the same geometry (ldc) as C, not overlapping it
}

// Gemm computes C = A·B with an epilogue, for A of m rows and k columns and B of k rows and n:
//
//	for i := range m {
//		for j := range n {
//			acc := bias[i], or c[i*ldc+j] for Add, or 0
//			for l := range k {
//				acc += a[i*rsa+l*csa] * b[l*ldb+j]
//			}
//			c[i*ldc+j] = acc, max(0, acc) for ReLU, aux[i*ldc+j] > 0 ? acc : 0 for Gate
//		}
//	}
//
// Strides are in elements, so that a transposed A costs nothing (rsa = 1, csa = its row length).
// k = 0 is allowed. C overlaps neither A nor B. Each element has one accumulator and runs over l in
// increasing order, so that a product split by rows or by columns gives the same bits, with one
// exception: n == 1 with csa == 1, ldb == 1 and ldc == 1, a matrix times a vector, may sum each row
// of A in vector lanes; a split by rows gives the same bits there too.
func Gemm[T Float](m, n, k int, a []T, rsa, csa int, b []T, ldb int, c []T, ldc int, e Epilogue[T]) {
	if m == 0 || n == 0 {
		return
	}
	if m < 0 || n < 0 || k < 0 || rsa < 0 || csa < 0 || ldb < 0 {
		panic("kernel: Gemm with a negative size or stride")
	}
	if k > 0 && ((m-1)*rsa+(k-1)*csa >= len(a) || (k-1)*ldb+n > len(b)) {
		panic("kernel: Gemm with A or B too short")
	}
	checkResult(m, n, c, ldc, e)
	if !gemmVector(m, n, k, a, rsa, csa, b, ldb, nil, c, ldc, e) {
		gemmPortable(m, n, k, a, rsa, csa, b, ldb, nil, c, ldc, e)
	}
}

// GemmIndirect is Gemm with row l of B starting at b[rows[l]], an offset in elements: any order,
// repeats allowed. A convolution over the layout [pixel][channel][sample] is this product without
// an im2col copy: rows lists the (pixel, channel) rows that a patch touches, and padding points at a
// row of zeros. len(rows) is at least k.
func GemmIndirect[T Float](m, n, k int, a []T, rsa, csa int, b []T, rows []int, c []T, ldc int, e Epilogue[T]) {
	if m == 0 || n == 0 {
		return
	}
	if m < 0 || n < 0 || k < 0 || rsa < 0 || csa < 0 {
		panic("kernel: GemmIndirect with a negative size or stride")
	}
	if k > 0 && (m-1)*rsa+(k-1)*csa >= len(a) {
		panic("kernel: GemmIndirect with A too short")
	}
	if k > len(rows) {
		panic("kernel: GemmIndirect with fewer row offsets than k")
	}
	rows = rows[:k]
	var lowest, highest int
	for _, r := range rows {
		lowest, highest = min(lowest, r), max(highest, r)
	}
	if k > 0 && (lowest < 0 || highest+n > len(b)) {
		panic("kernel: GemmIndirect with a row of B out of range")
	}
	checkResult(m, n, c, ldc, e)
	if !gemmVector(m, n, k, a, rsa, csa, b, 0, rows, c, ldc, e) {
		gemmPortable(m, n, k, a, rsa, csa, b, 0, rows, c, ldc, e)
	}
}

// checkResult checks what Gemm writes and what its epilogue reads.
func checkResult[T Float](m, n int, c []T, ldc int, e Epilogue[T]) {
	if ldc < 0 || m > 1 && ldc < n {
		panic("kernel: Gemm with overlapping rows of C")
	}
	if (m-1)*ldc+n > len(c) {
		panic("kernel: Gemm with C too short")
	}
	switch e.Mode {
	case Store, ReLU:
		if e.Bias != nil && len(e.Bias) < m {
			panic("kernel: Gemm with a bias shorter than m")
		}
	case Gate:
		if (m-1)*ldc+n > len(e.Aux) {
			panic("kernel: Gemm with Aux too short")
		}
	case Add:
	default:
		panic("kernel: Gemm with an unknown mode")
	}
}
