// What holds for the source of the whole module.

package bijou_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// walkSource parses every Go file of the repository.
func walkSource(t *testing.T, visit func(path string, f *ast.File, fset *token.FileSet)) {
	t.Helper()
	fset, files := token.NewFileSet(), 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files++
		visit(filepath.ToSlash(path), f, fset)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 200 {
		t.Fatalf("only %d files were found", files)
	}
}

// The Data method of gorgonia's tensors makes its slice of an address that does
// not keep the memory: it is called nowhere. That of bijector.Rows, which is
// safe, is called where it is tested.
func TestNobodyCallsData(t *testing.T) {
	allowed := map[string]bool{"bijector/rows_test.go": true, "flow/serve_test.go": true}
	walkSource(t, func(path string, f *ast.File, fset *token.FileSet) {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) > 0 {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Data" && !allowed[path] {
				t.Errorf("%v: Data() of a tensor is not safe under the garbage collector; call Values, Float32s or Float64s", fset.Position(call.Pos()))
			}
			return true
		})
	})
}

// A file opens with what it is for, before its package clause.
func TestFilesOpenWithWhatTheyAreFor(t *testing.T) {
	walkSource(t, func(path string, f *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, c := range f.Comments {
			if c.End() < f.Package && strings.TrimSpace(c.Text()) != "" {
				return
			}
		}
		t.Errorf("%s: no comment before the package clause", path)
	})
}

// Bounds of a file's lines, with the files that may be longer or shorter.
const (
	minLines = 20
	maxLines = 350
)

var longFiles = map[string]string{
	"internal/kernel/asm/gemm.go": "the generator of one kernel",
}

var shortFiles = map[string]string{
	"internal/conform/race_off.go":         "build tag race",
	"internal/conform/race_on.go":          "build tag race",
	"internal/kernel/dispatch_portable.go": "build tags of processors",
	"internal/nilcheck/nilcheck.go":        "a package of one function",
	"internal/random/mix.go":               "a package of one function",
	"mnist/data/data.go":                   "a module of its own, for its data",
}

// A file holds one idea: neither a few lines of one nor several. The comment of
// a package may be as short as it likes, and generated files as they come.
func TestFileLengths(t *testing.T) {
	seen := map[string]bool{}
	walkSource(t, func(path string, f *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") || ast.IsGenerated(f) {
			return
		}
		lines := fset.File(f.Package).LineCount()
		_, long := longFiles[path]
		_, short := shortFiles[path]
		seen[path] = long || short
		switch {
		case lines > maxLines != long:
			t.Errorf("%s has %d lines; longFiles lists the files of more than %d, and those alone", path, lines, maxLines)
		case lines < minLines != short && filepath.Base(path) != "doc.go":
			t.Errorf("%s has %d lines; shortFiles lists the files of fewer than %d, and those alone", path, lines, minLines)
		}
	})
	for _, list := range []map[string]string{longFiles, shortFiles} {
		for path := range list {
			if !seen[path] {
				t.Errorf("%s: listed, and no file", path)
			}
		}
	}
}
