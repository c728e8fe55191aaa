// Command typecheck type-checks packages, their tests and all that they import from
// source, for the platform and the Go of the environment: what would not build there is
// found without compiling it.
//
//	GOOS=windows GOARCH=arm64 typecheck ./...
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/packages"
)

func main() {
	all, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax, Tests: true}, os.Args[1:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "typecheck:", err)
		os.Exit(1)
	}
	checked, wrong := 0, 0
	packages.Visit(all, nil, func(p *packages.Package) {
		checked++
		for _, e := range p.Errors {
			wrong++
			fmt.Fprintln(os.Stderr, e)
		}
	})
	fmt.Println(checked, "packages")
	if wrong > 0 || len(all) == 0 {
		fmt.Fprintf(os.Stderr, "typecheck: %d errors in %d packages\n", wrong, len(all))
		os.Exit(1)
	}
}
