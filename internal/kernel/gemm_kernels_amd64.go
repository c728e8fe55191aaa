//go:build !purego

// The table of panel kernels. A switch, because calls through function values would make every
// argument escape to the heap.

package kernel

func runZ(kind int, arg *byte) {
	switch kind {
	case 0:
		gemmZ32x1(arg)
	case 1:
		gemmZ32x2(arg)
	case 2:
		gemmZ32x3(arg)
	case 3:
		gemmZ32x1Indirect(arg)
	case 4:
		gemmZ32x2Indirect(arg)
	case 5:
		gemmZ32x3Indirect(arg)
	case 6:
		gemmZ64x1(arg)
	case 7:
		gemmZ64x2(arg)
	case 8:
		gemmZ64x3(arg)
	case 9:
		gemmZ64x1Indirect(arg)
	case 10:
		gemmZ64x2Indirect(arg)
	case 11:
		gemmZ64x3Indirect(arg)
	}
}

func runY(kind int, arg *byte) {
	switch kind {
	case 0:
		gemmY32x1(arg)
	case 1:
		gemmY32x2(arg)
	case 2:
		gemmY32x3(arg)
	case 3:
		gemmY32x1Indirect(arg)
	case 4:
		gemmY32x2Indirect(arg)
	case 5:
		gemmY32x3Indirect(arg)
	case 6:
		gemmY64x1(arg)
	case 7:
		gemmY64x2(arg)
	case 8:
		gemmY64x3(arg)
	case 9:
		gemmY64x1Indirect(arg)
	case 10:
		gemmY64x2Indirect(arg)
	case 11:
		gemmY64x3Indirect(arg)
	case 12:
		gemmY32x1Masked(arg)
	case 13:
		gemmY32x2Masked(arg)
	case 14:
		gemmY32x3Masked(arg)
	case 15:
		gemmY32x1MaskedIndirect(arg)
	case 16:
		gemmY32x2MaskedIndirect(arg)
	case 17:
		gemmY32x3MaskedIndirect(arg)
	case 18:
		gemmY64x1Masked(arg)
	case 19:
		gemmY64x2Masked(arg)
	case 20:
		gemmY64x3Masked(arg)
	case 21:
		gemmY64x1MaskedIndirect(arg)
	case 22:
		gemmY64x2MaskedIndirect(arg)
	case 23:
		gemmY64x3MaskedIndirect(arg)
	}
}
