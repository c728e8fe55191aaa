// A package's source: read, drawn from, and written with mutants in it.

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// source is a package as it stands.
type source struct {
	dir, name string
	files     map[string][]byte
	exports   map[string]string // of what it imports
}

func load(pattern string) (*source, error) {
	list := func(args ...string) (string, error) {
		out, err := exec.Command("go", append([]string{"list"}, append(args, pattern)...)...).Output()
		if err != nil {
			return "", fmt.Errorf("listing %s: %w", pattern, err)
		}
		return string(out), nil
	}
	own, err := list("-f", `{{.Dir}}{{"\n"}}{{.Name}}{{range .GoFiles}}{{"\n"}}{{.}}{{end}}`)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(own), "\n")
	p := &source{dir: lines[0], name: lines[1], files: map[string][]byte{}, exports: map[string]string{}}
	for _, file := range lines[2:] {
		path := filepath.Join(p.dir, file)
		if p.files[path], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	// What the switches import is asked for as well.
	pattern += " cmp os strconv"
	deps, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", `{{.ImportPath}} {{.Export}}`}, strings.Fields(pattern)...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("listing what %s imports: %w", pattern, err)
	}
	for _, line := range strings.Split(string(deps), "\n") {
		if path, export, ok := strings.Cut(line, " "); ok {
			p.exports[path] = export
		}
	}
	return p, nil
}

// check type-checks files of the package.
func (p *source) check(files map[string][]byte) (*token.FileSet, map[string]*ast.File, *types.Info, error) {
	set, parsed := token.NewFileSet(), map[string]*ast.File{}
	var all []*ast.File
	for path, src := range files {
		file, err := parser.ParseFile(set, path, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, nil, err
		}
		parsed[path] = file
		all = append(all, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(p.exports[path])
	})}
	_, err := config.Check(p.name, set, all, info)
	return set, parsed, info, err
}

// draw takes n mutants at random that compile and that do not overlap, and says how many
// there are to choose from.
func (p *source) draw(n int, rng *rand.Rand) (drawn []mutant, possible int, err error) {
	set, parsed, info, err := p.check(p.files)
	if err != nil {
		return nil, 0, err
	}
	f := &finder{files: set, info: info, name: p.name}
	for _, path := range p.paths() {
		f.path, f.src = path, p.files[path]
		ast.Inspect(parsed[path], f.visit)
	}
	all := f.found
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, m := range all {
		if len(drawn) == n {
			break
		}
		overlaps := slices.ContainsFunc(drawn, func(o mutant) bool { return o.path == m.path && o.from < m.to && m.from < o.to })
		if overlaps {
			continue
		}
		if _, _, _, err := p.check(p.with([]mutant{m})); err == nil {
			drawn = append(drawn, m)
		}
	}
	return drawn, len(all), nil
}

func (p *source) paths() []string {
	var paths []string
	for path := range p.files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// with are the package's files with mutants in them, which have the ids 1, 2, ..., and
// the file of their switches.
func (p *source) with(mutants []mutant) map[string][]byte {
	files := map[string][]byte{filepath.Join(p.dir, "mutated.go"): []byte("package " + p.name + switches)}
	for path, src := range p.files {
		var in []int
		for i, m := range mutants {
			if m.path == path {
				in = append(in, i)
			}
		}
		slices.SortFunc(in, func(i, j int) int { return mutants[i].from - mutants[j].from })
		var b bytes.Buffer
		end := 0
		for _, i := range in {
			b.Write(src[end:mutants[i].from])
			b.WriteString(mutants[i].text(i + 1))
			end = mutants[i].to
		}
		b.Write(src[end:])
		files[path] = b.Bytes()
	}
	return files
}
