// Command mutate changes one operator, statement, condition, number or returned error of
// a package at a time, at random, and runs its tests: those that still pass have not
// noticed. Files stay as they are, by the go command's overlay.
//
//	go run .ci/mutate/*.go -n 30 -seed 1 -and ./flow,./train ./bijector ./coupling
//
// Packages of -and are tested as well where a package's own tests have noticed nothing.
// A mutant that does not compile counts for nothing, one that hangs is noticed.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	n := flag.Int("n", 30, "mutants of each package that compile")
	seed := flag.Uint64("seed", 1, "seed of the choice")
	and := flag.String("and", "", "packages, by commas, whose tests count too")
	limit := flag.Duration("timeout", 5*time.Minute, "time for the tests of one package")
	flag.Parse()
	if err := run(flag.Args(), *n, *seed, strings.FieldsFunc(*and, func(r rune) bool { return r == ',' }), *limit); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(packages []string, n int, seed uint64, and []string, limit time.Duration) error {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var tried, survived int
	for _, p := range packages {
		all, err := editsIn(p)
		if err != nil {
			return err
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		done, alive := 0, 0
		for _, e := range all {
			if done == n {
				break
			}
			noticed, compiled, err := try(dir, e, append([]string{p}, and...), limit)
			if err != nil {
				return err
			}
			if !compiled {
				continue
			}
			done++
			if !noticed {
				alive++
				fmt.Println("survived:", e)
			}
		}
		fmt.Printf("%s: %d of %d noticed, of %d possible\n", p, done-alive, done, len(all))
		tried, survived = tried+done, survived+alive
	}
	fmt.Printf("all: %d of %d noticed (%.1f %%)\n", tried-survived, tried, 100*float64(tried-survived)/float64(max(1, tried)))
	return nil
}

// editsIn are the edits of a package's files.
func editsIn(p string) ([]edit, error) {
	out, err := exec.Command("go", "list", "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`, p).Output()
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", p, err)
	}
	var all []edit
	for _, path := range strings.Fields(string(out)) {
		src, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		edits, err := editsOf(path, src)
		if err != nil {
			return nil, err
		}
		all = append(all, edits...)
	}
	return all, nil
}

// try tests the packages, one after the other, with an edit.
func try(dir string, e edit, packages []string, limit time.Duration) (noticed, compiled bool, err error) {
	src, err := os.ReadFile(e.path)
	if err != nil {
		return false, false, err
	}
	mutant, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {e.path: mutant}})
	if err != nil {
		return false, false, err
	}
	if err := errors.Join(
		os.WriteFile(mutant, bytes.Join([][]byte{src[:e.from], src[e.to:]}, []byte(e.text)), 0o644),
		os.WriteFile(overlay, text, 0o644),
	); err != nil {
		return false, false, err
	}
	for _, p := range packages {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		test := exec.CommandContext(ctx, "go", "test", "-vet=off", "-short", "-failfast", "-overlay", overlay, p)
		test.WaitDelay = time.Second
		out, err := test.CombinedOutput()
		cancel()
		switch {
		case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")):
			return false, false, nil
		case err != nil:
			return true, true, nil
		}
	}
	return false, true, nil
}

func (e edit) String() string {
	src, err := os.ReadFile(e.path)
	if err != nil {
		return err.Error()
	}
	was := string(src[e.from:e.to])
	if e.text == "" {
		return fmt.Sprintf("%s:%d: without %q", e.path, e.line, was)
	}
	return fmt.Sprintf("%s:%d: %q for %q", e.path, e.line, e.text, was)
}
