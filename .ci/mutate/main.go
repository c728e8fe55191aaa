// Command mutate changes one operator, statement, condition, number or returned error of
// a package at a time, at random, and runs its tests: those that still pass have not
// noticed.
//
//	go run .ci/mutate/*.go -n 25 -seed 1 -and ./flow ./bijector ./coupling
//
// All mutants of a package are compiled into it at once, each behind a switch that a
// variable of the environment turns, so that a mutant costs a run of the tests and no
// build. Files stay as they are, by the go command's overlay. Packages of -and are tested
// as well where a package's own tests have noticed nothing. A mutant that does not
// compile counts for nothing, one that hangs is noticed.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	n := flag.Int("n", 25, "mutants of each package that compile")
	seed := flag.Uint64("seed", 1, "seed of the choice")
	and := flag.String("and", "", "packages, by commas, whose tests count too")
	only := flag.String("only", "", "mutants to run, by commas (all of them)")
	list := flag.Bool("list", false, "say what the mutants are and run none")
	flag.Parse()
	byCommas := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
	}
	if err := run(flag.Args(), *n, *seed, byCommas(*and), byCommas(*only), *list); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(packages []string, n int, seed uint64, and, only []string, list bool) error {
	var tried, survived int
	for _, name := range packages {
		p, err := load(name)
		if err != nil {
			return err
		}
		drawn, possible, err := p.draw(n, rand.New(rand.NewPCG(seed, 1)))
		if err != nil {
			return err
		}
		if list {
			for i, m := range drawn {
				fmt.Printf("%d %v\n", i+1, m)
			}
			continue
		}
		done, alive, err := p.try(drawn, append([]string{name}, and...), func(id int) bool {
			return len(only) == 0 || slices.Contains(only, strconv.Itoa(id))
		})
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d of %d noticed, of %d possible\n", name, done-alive, done, possible)
		tried, survived = tried+done, survived+alive
	}
	fmt.Printf("all: %d of %d noticed (%.1f %%)\n", tried-survived, tried, 100*float64(tried-survived)/float64(max(1, tried)))
	return nil
}
