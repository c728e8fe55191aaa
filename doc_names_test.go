// Names in documentation: what a comment calls pkg.Name exists.

package bijou_test

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// qualifiedName is a name of one of the public packages, as documentation
// writes it.
var qualifiedName = regexp.MustCompile(`\b(autoencoder|autoregressive|bijector|bijectortest|coupling|distribution|distributiontest|flow|mnist|onnx|registry|serve|table|torch|train|vi)\.([A-Z]\w*)`)

func TestDocumentedNamesExist(t *testing.T) {
	declared := map[string]bool{}
	type comment struct{ text, at string }
	var comments []comment
	walkSource(t, func(path string, f *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, c := range f.Comments {
			comments = append(comments, comment{c.Text(), fset.Position(c.Pos()).String()})
		}
		if strings.HasPrefix(path, "internal/") {
			return
		}
		pkg := filepath.Base(filepath.Dir(path))
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					declared[pkg+"."+d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						declared[pkg+"."+s.Name.Name] = true
					case *ast.ValueSpec:
						for _, n := range s.Names {
							declared[pkg+"."+n.Name] = true
						}
					}
				}
			}
		}
	})
	if !declared["bijector.Chain"] || len(comments) < 1000 {
		t.Fatalf("%d names, %d comments", len(declared), len(comments))
	}
	for _, c := range comments {
		for _, m := range qualifiedName.FindAllString(c.text, -1) {
			if !declared[m] {
				t.Errorf("%s: a comment names %s, which is not there", c.at, m)
			}
		}
	}
}
