//go:build !purego

#include "textflag.h"

// The assembler has no multiply-add by one element of a vector: Vd += Vb * V16[r], four lanes.
#define FMLA(d, b, r) WORD $(0x4f901000 | ((r)&1)<<21 | ((r)>>1)<<11 | (b)<<5 | (d))

// Row r of the tile, in registers 4r to 4r+3, plus V16[r] times the row of B in V20 to V23.
#define ROW(r) FMLA(4*r, 20, r); FMLA(4*r+1, 21, r); FMLA(4*r+2, 22, r); FMLA(4*r+3, 23, r)

// func tileNeon(acc *[4][16]float32, a *[4]float32, b *[16]float32, k int)
TEXT ·tileNeon(SB), NOSPLIT, $0-32
	MOVD acc+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD k+24(FP), R3
	MOVD R0, R4
	VLD1.P 64(R4), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R4), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R4), [V8.S4, V9.S4, V10.S4, V11.S4]
	VLD1 (R4), [V12.S4, V13.S4, V14.S4, V15.S4]

inner:
	VLD1.P 16(R1), [V16.S4]
	VLD1.P 64(R2), [V20.S4, V21.S4, V22.S4, V23.S4]
	ROW(0)
	ROW(1)
	ROW(2)
	ROW(3)
	SUBS $1, R3, R3
	BNE inner

	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R0)
	VST1 [V12.S4, V13.S4, V14.S4, V15.S4], (R0)
	RET
