// The trial: tests are compiled once, and run once a mutant.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tests are those of a package, compiled.
type tests struct {
	name, dir, binary string
	quick             string        // a pattern of the tests that take a fifth of the time
	clean             time.Duration // of a run without a mutant
}

// try compiles packages' tests with the mutants in p and runs them with each that wanted
// takes, until one notices.
func (p *source) try(mutants []mutant, packages []string, wanted func(id int) bool) (done, alive int, err error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	overlay, err := p.overlay(dir, mutants)
	if err != nil {
		return 0, 0, err
	}
	var all []tests
	for i, name := range packages {
		where, err := filepath.Abs(name)
		if err != nil {
			return 0, 0, err
		}
		t := tests{name: name, dir: where, binary: filepath.Join(dir, strconv.Itoa(i)+".test")}
		if out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", t.binary, name).CombinedOutput(); err != nil {
			return 0, 0, fmt.Errorf("compiling the tests of %s: %w\n%s", name, err, out)
		}
		began := time.Now()
		out, failed := t.run(0, time.Hour, "-test.v")
		if failed {
			return 0, 0, fmt.Errorf("the tests of %s fail without a mutant:\n%s", name, out)
		}
		t.clean, t.quick = time.Since(began), quick(string(out))
		all = append(all, t)
	}
	for i, m := range mutants {
		if !wanted(i + 1) {
			continue
		}
		done++
		by := ""
		began := time.Now()
		for _, t := range all {
			if t.notice(i + 1) {
				by = t.name
				break
			}
		}
		took := time.Since(began).Round(time.Second / 10)
		if by == "" {
			alive++
			fmt.Printf("%d survived (%v): %v\n", i+1, took, m)
		} else {
			fmt.Printf("%d noticed by %s (%v): %v\n", i+1, by, took, m)
		}
	}
	return done, alive, nil
}

// overlay writes the files with mutants in them, and the list of them for go test.
func (p *source) overlay(dir string, mutants []mutant) (string, error) {
	replace := map[string]string{}
	for path, src := range p.with(mutants) {
		replace[path] = filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(replace[path], src, 0o644); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o644)
}

// notice says whether the tests fail with a mutant, or hang. The quick ones come first.
func (t tests) notice(id int) bool {
	limit := 4*t.clean + 20*time.Second
	if _, failed := t.run(id, limit, "-test.run", t.quick); failed {
		return true
	}
	_, failed := t.run(id, limit, "-test.skip", t.quick)
	return failed
}

// quick is a pattern of the tests that take the least time by the output of a run, a
// fifth of it together.
func quick(out string) string {
	type test struct {
		name    string
		seconds float64
	}
	var all []test
	var sum float64
	for _, m := range regexp.MustCompile(`(?m)^--- PASS: (\w+) \((.*)s\)$`).FindAllStringSubmatch(out, -1) {
		if s, err := strconv.ParseFloat(m[2], 64); err == nil {
			all = append(all, test{m[1], s})
			sum += s
		}
	}
	slices.SortFunc(all, func(a, b test) int { return cmp.Compare(a.seconds, b.seconds) })
	var names []string
	var used float64
	for _, t := range all {
		if used += t.seconds; used > sum/5 {
			break
		}
		names = append(names, t.name)
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// run runs the tests with a mutant on, and ends what they started with them.
func (t tests) run(id int, limit time.Duration, args ...string) (out []byte, failed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	test := exec.CommandContext(ctx, t.binary, append(args, "-test.short", "-test.failfast", "-test.timeout", "0")...)
	test.Dir = t.dir
	test.Env = append(os.Environ(), variable+"="+strconv.Itoa(id))
	test.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	test.Cancel = func() error { return syscall.Kill(-test.Process.Pid, syscall.SIGKILL) }
	test.WaitDelay = time.Second
	out, err := test.CombinedOutput()
	return out, err != nil
}
