//go:build !purego

// The blocks of a product on amd64, and what is copied for them.

package kernel

import (
	"sync"
	"unsafe"
)

// The inner dimension is split so that what a panel reads of A and B stays close to the processor.
// That changes no bits: a later block takes up the accumulators where the earlier left them, in C. The
// rows are split so that a call of assembly, which nothing can interrupt, stays short.
const (
	blockK    = 384
	callLimit = 2 << 20 // multiply-adds in a call: 10 to 60 microseconds
)

// Rows that lie a power of two or many pages apart fall on the same lines of the caches and on
// many entries of the page tables. From some distance on it pays to copy a block of them together,
// provided that the copy is used often enough.
const (
	farApart   = 2048      // bytes from row to row, above which a block is copied
	bufferSize = 384 << 10 // bytes of a copied block
	worthCopy  = 64        // rows or columns that must use a block
)

// buffers hold copied blocks: of A in the first half, of B in the second.
var buffers = sync.Pool{New: func() any { return new([2][bufferSize / 8]float64) }}

// blocks runs over the blocks of the product.
func (g *product) blocks(m, n, k int) {
	kb := k
	if k > blockK+blockK/2 {
		count := (k + blockK - 1) / blockK
		kb = (k + count - 1) / count
	}
	mb := m
	if limit := callLimit / (3 * g.lanes * kb) &^ 15; m > limit {
		mb = max(limit, 16)
	}
	copyA := g.rsa == 1 && g.csa*g.size > farApart && n >= worthCopy && k > 16
	copyB := !g.indirect && g.ldb*g.size > farApart && m >= worthCopy && k > 16
	if !copyA && !copyB {
		for k0 := 0; k0 < k; k0 += kb {
			for i := 0; i < m; i += mb {
				g.panels(i, min(mb, m-i), 0, n, k0, min(kb, k-k0), k0+kb >= k)
			}
		}
		return
	}

	buffer := buffers.Get().(*[2][bufferSize / 8]float64)
	defer buffers.Put(buffer)
	h := *g
	nb := n
	if copyB {
		nb = min(n, bufferSize/(kb*g.size)/(3*g.lanes)*(3*g.lanes))
	}
	if copyA {
		mb = min(mb, bufferSize/(kb*g.size)&^15)
	}
	for k0 := 0; k0 < k; k0 += kb {
		kc := min(kb, k-k0)
		for j := 0; j < n; j += nb {
			w := min(nb, n-j)
			if copyB {
				h.b, h.ldb, h.bl, h.bj = unsafe.Pointer(&buffer[1]), w, k0, j
				gather(h.b, unsafe.Add(g.b, (k0*g.ldb+j)*g.size), kc, w*g.size, g.ldb*g.size)
			}
			for i := 0; i < m; i += mb {
				height := min(mb, m-i)
				if copyA {
					h.a, h.ai, h.al = unsafe.Pointer(&buffer[0]), i, k0
					h.csa = height
					gather(h.a, unsafe.Add(g.a, (i+k0*g.csa)*g.size), kc, height*g.size, g.csa*g.size)
				}
				h.panels(i, height, j, w, k0, kc, k0+kc == k)
			}
		}
	}
}

// gather copies rows of width bytes, stride bytes apart, next to one another.
func gather(dst, src unsafe.Pointer, rows, width, stride int) {
	to := unsafe.Slice((*byte)(dst), rows*width)
	from := unsafe.Slice((*byte)(src), (rows-1)*stride+width)
	for r := 0; r < rows; r++ {
		copy(to[r*width:][:width], from[r*stride:])
	}
}
