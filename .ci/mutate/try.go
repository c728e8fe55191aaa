// The trial: tests are compiled once, and run once a mutant.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// tests are those of a package, compiled.
type tests struct {
	name, dir, binary string
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
		if out, failed := t.run(0, time.Hour); failed {
			return 0, 0, fmt.Errorf("the tests of %s fail without a mutant:\n%s", name, out)
		}
		t.clean = time.Since(began)
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
			if _, failed := t.run(i+1, 4*t.clean+20*time.Second); failed {
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

// run runs the tests with a mutant on, and ends what they started with them.
func (t tests) run(id int, limit time.Duration) (out []byte, failed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	test := exec.CommandContext(ctx, t.binary, "-test.short", "-test.failfast", "-test.timeout", "0")
	test.Dir = t.dir
	test.Env = append(os.Environ(), variable+"="+strconv.Itoa(id))
	test.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	test.Cancel = func() error { return syscall.Kill(-test.Process.Pid, syscall.SIGKILL) }
	test.WaitDelay = time.Second
	out, err := test.CombinedOutput()
	return out, err != nil
}
