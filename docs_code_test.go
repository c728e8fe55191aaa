// What the documentation shows of Go is compiled and run, and its links lead somewhere.

package bijou_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// document is a file of Markdown, as lines.
type document struct {
	path  string
	lines []string
}

// documents are the Markdown files of the repository.
func documents(t *testing.T) []document {
	t.Helper()
	var docs []document
	for _, path := range filesOf(t, func(path string) bool { return strings.HasSuffix(path, ".md") }) {
		docs = append(docs, document{path, linesOf(t, path)})
	}
	if len(docs) < 10 {
		t.Fatalf("only %d documents were found", len(docs))
	}
	return docs
}

// filesOf lists the files of the repository that are wanted.
func filesOf(t *testing.T, wanted func(path string) bool) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if path = filepath.ToSlash(path); err == nil && !d.IsDir() && wanted(path) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func linesOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
}

// block is what stands between two fences, or an indented paragraph, which has
// no language.
type block struct {
	language string
	line     int // its first in the document, from 1
	lines    []string
}

// blocks are the code blocks of a document.
func (d document) blocks() (all []block) {
	for i := 0; i < len(d.lines); i++ {
		if language, ok := strings.CutPrefix(d.lines[i], "```"); ok {
			b := block{language: language, line: i + 2}
			for i++; i < len(d.lines) && d.lines[i] != "```"; i++ {
				b.lines = append(b.lines, d.lines[i])
			}
			all = append(all, b)
		} else if strings.HasPrefix(d.lines[i], "    ") && (i == 0 || d.lines[i-1] == "") {
			b := block{line: i + 1}
			for ; i < len(d.lines) && (strings.HasPrefix(d.lines[i], "    ") || d.lines[i] == ""); i++ {
				b.lines = append(b.lines, d.lines[i])
			}
			i--
			all = append(all, b)
		}
	}
	return all
}

// excerptOf reports whether a block stands in a source, up to indentation: all
// of its lines, in their order, with nothing between them. A block with a
// package clause is a whole program: it ends where the source does.
func (b block) excerptOf(source []string) bool {
	whole := strings.HasPrefix(b.lines[0], "package ")
	for i := range source {
		rest := source[i:]
		indent, ok := strings.CutSuffix(rest[0], b.lines[0])
		if !ok || strings.Trim(indent, "\t") != "" || len(rest) < len(b.lines) || whole && len(rest) > len(b.lines) {
			continue
		}
		equal := true
		for k, line := range b.lines {
			equal = equal && (line == "" && rest[k] == "" || rest[k] == indent+line)
		}
		if equal {
			return true
		}
	}
	return false
}

// Every Go block of the documentation is a part, or the whole, of a file below
// examples or of a test: that is compiled, and run by go test.
func TestDocumentedGoIsCompiled(t *testing.T) {
	sources := map[string][]string{}
	for _, path := range filesOf(t, func(path string) bool {
		return strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "examples/") && strings.HasSuffix(path, ".go")
	}) {
		sources[path] = linesOf(t, path)
	}
	// Go without a fence that says so: an assignment of Go, or a clause.
	unmarked := regexp.MustCompile(`(?m)^\s*([\w, ]+ := |.*err = \w+\.|package \w+$|func \w)`)
	found := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks() {
			switch {
			case b.language != "go":
				if unmarked.MatchString(strings.Join(b.lines, "\n")) {
					t.Errorf("%s:%d: Go in a block that is not fenced as go, which nothing compiles", d.path, b.line)
				}
				continue
			case len(b.lines) == 0 || b.lines[0] == "":
				t.Errorf("%s:%d: a block that begins with nothing", d.path, b.line)
				continue
			}
			found++
			inOne := false
			for _, source := range sources {
				inOne = inOne || b.excerptOf(source)
			}
			if !inOne {
				t.Errorf("%s:%d: a Go block that stands in no file below examples and in no test: write it there, and copy the lines as they are", d.path, b.line)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d Go blocks were found", found)
	}
}

// Links and pictures of the documentation that lead into the repository find a
// file there.
func TestDocumentationLinks(t *testing.T) {
	link, code := regexp.MustCompile(`\]\(([^)\s]+)\)`), regexp.MustCompile("`[^`\n]*`")
	found := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks() {
			for i := range b.lines {
				d.lines[b.line-1+i] = ""
			}
		}
		prose := code.ReplaceAllString(strings.Join(d.lines, "\n"), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			to, err := url.Parse(m[1])
			if err != nil || to.Scheme != "" || to.Path == "" {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(d.path), filepath.FromSlash(to.Path))); err != nil {
				t.Errorf("%s links to %s: %v", d.path, m[1], err)
			}
		}
	}
	if found < 50 {
		t.Errorf("%d links were found", found)
	}
}
