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
