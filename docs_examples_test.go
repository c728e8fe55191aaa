// Every package that users import opens with what it is for, and shows its use.

package bijou_test

import (
	"go/ast"
	"go/token"
	"path"
	"strings"
	"testing"
)

// withoutExample are packages that nobody imports in a program of theirs.
var withoutExample = map[string]string{
	".":                           "documentation alone",
	"benchmarks":                  "called by go test -bench",
	"bijector/bijectortest/shear": "a layer for tests of the suite, and to copy",
	"mnist/data":                  "a module of its own, for its data",
}

func TestPackagesHaveDocumentationAndExamples(t *testing.T) {
	documented, examples := map[string]bool{}, map[string]bool{}
	walkSource(t, func(file string, f *ast.File, _ *token.FileSet) {
		dir := path.Dir(file)
		if strings.HasSuffix(file, "_test.go") {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Example") {
					examples[dir] = true
				}
			}
			return
		}
		if f.Name.Name == "main" || strings.Contains("/"+file, "/internal/") || strings.HasPrefix(file, ".") {
			return
		}
		documented[dir] = documented[dir] || f.Doc != nil && strings.HasPrefix(f.Doc.Text(), "Package "+f.Name.Name+" ")
	})
	if len(documented) < 15 {
		t.Fatalf("only %d packages were found", len(documented))
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no comment that begins with \"Package\" and its name", dir)
		}
		if _, without := withoutExample[dir]; !without && !examples[dir] {
			t.Errorf("%s: no Example, which pkg.go.dev shows beside the documentation", dir)
		}
	}
}
