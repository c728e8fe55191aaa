// Command asm writes the amd64 assembly of package kernel and its Go declarations. It is a module
// of its own so that users of the library never download the generator library. go generate in
// the kernel's folder runs it, once for each file:
//
//	go run . -set gemm-avx512 -out ../gemm_avx512_amd64.s -stubs ../gemm_avx512_amd64.go -pkg kernel
package main

import (
	"flag"
	"log"
	"os"
	"regexp"

	. "github.com/mmcloughlin/avo/build"
)

// The two instruction sets.
var (
	avx2   = isa{name: "Y", bytes: 32}
	avx512 = isa{name: "Z", bytes: 64, masks: true}
)

var sets = map[string]func(){
	"gemm-avx2":   func() { products(avx2); vectorProducts(avx2); packedProducts(avx2) },
	"gemm-avx512": func() { products(avx512); thinProducts(avx512); vectorProducts(avx512); packedProducts(avx512) },
	"math-avx2":   func() { functions(avx2) },
	"math-avx512": func() { functions(avx512) },
	"rows-avx2":   func() { rows(avx2) },
	"rows-avx512": func() { rows(avx512) },

	"spline-avx2":   func() { splines(avx2) },
	"spline-avx512": func() { splines(avx512) },
}

func main() {
	set := flag.String("set", "", "which functions to write")
	// The generator library reads its own flags (-out, -stubs, -pkg) from the same set.
	flag.Parse()
	if *set == "dispatch" {
		dispatch()
		return
	}
	write, ok := sets[*set]
	if !ok {
		log.Fatalf("asm: unknown set %q", *set)
	}
	ConstraintExpr("!purego")
	write()
	Generate()
	if out := flag.Lookup("out").Value.String(); out != "" && regexp.MustCompile("avx2$").MatchString(*set) {
		checkAVX2(out)
	}
}

// checkAVX2 refuses a file of AVX2 code that names what only AVX-512 has: the assembler would encode
// it without a word, and a processor without AVX-512 would stop at it.
func checkAVX2(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	if bad := regexp.MustCompile(`\b([XY](1[6-9]|2\d|3[01])|Z\d+|K[0-7])\b`).Find(text); bad != nil {
		log.Fatalf("asm: %s uses %s, which AVX2 does not have", path, bad)
	}
}
