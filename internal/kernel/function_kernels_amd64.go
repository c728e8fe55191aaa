//go:build !purego

// The table of elementary functions. A switch, because calls through function values would make
// every argument escape to the heap.

package kernel

import "unsafe"

func functionZ(kind, n int, d, s unsafe.Pointer) {
	switch kind {
	case 0:
		expZ32(n, (*float32)(d), (*float32)(s))
	case 1:
		tanhZ32(n, (*float32)(d), (*float32)(s))
	case 2:
		sigmoidZ32(n, (*float32)(d), (*float32)(s))
	case 3:
		log1pZ32(n, (*float32)(d), (*float32)(s))
	case 4:
		softplusZ32(n, (*float32)(d), (*float32)(s))
	case 5:
		expZ64(n, (*float64)(d), (*float64)(s))
	case 6:
		tanhZ64(n, (*float64)(d), (*float64)(s))
	case 7:
		sigmoidZ64(n, (*float64)(d), (*float64)(s))
	case 8:
		log1pZ64(n, (*float64)(d), (*float64)(s))
	case 9:
		softplusZ64(n, (*float64)(d), (*float64)(s))
	}
}

func functionY(kind, n int, d, s unsafe.Pointer) {
	switch kind {
	case 0:
		expY32(n, (*float32)(d), (*float32)(s))
	case 1:
		tanhY32(n, (*float32)(d), (*float32)(s))
	case 2:
		sigmoidY32(n, (*float32)(d), (*float32)(s))
	case 3:
		log1pY32(n, (*float32)(d), (*float32)(s))
	case 4:
		softplusY32(n, (*float32)(d), (*float32)(s))
	case 5:
		expY64(n, (*float64)(d), (*float64)(s))
	case 6:
		tanhY64(n, (*float64)(d), (*float64)(s))
	case 7:
		sigmoidY64(n, (*float64)(d), (*float64)(s))
	case 8:
		log1pY64(n, (*float64)(d), (*float64)(s))
	case 9:
		softplusY64(n, (*float64)(d), (*float64)(s))
	}
}
