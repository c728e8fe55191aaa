// What go generate runs to write the assembly.

package kernel

//go:generate sh -c "cd asm && go run . -set gemm-avx512 -pkg kernel -out ../gemm_avx512_amd64.s -stubs ../gemm_avx512_amd64.go"
//go:generate sh -c "cd asm && go run . -set gemm-avx2 -pkg kernel -out ../gemm_avx2_amd64.s -stubs ../gemm_avx2_amd64.go"
//go:generate sh -c "cd asm && go run . -set math-avx512 -pkg kernel -out ../math_avx512_amd64.s -stubs ../math_avx512_amd64.go"
//go:generate sh -c "cd asm && go run . -set math-avx2 -pkg kernel -out ../math_avx2_amd64.s -stubs ../math_avx2_amd64.go"
//go:generate sh -c "cd asm && go run . -set rows-avx512 -pkg kernel -out ../rows_avx512_amd64.s -stubs ../rows_avx512_amd64.go"
//go:generate sh -c "cd asm && go run . -set rows-avx2 -pkg kernel -out ../rows_avx2_amd64.s -stubs ../rows_avx2_amd64.go"
//go:generate sh -c "cd asm && go run . -set dispatch"
