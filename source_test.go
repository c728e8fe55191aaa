// What holds for the source of the whole module.

package bijou_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
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
	"cmd/bijou/hangup_other.go":            "build tags of systems",
	"cmd/bijou/hangup_unix.go":             "build tags of systems",
	"internal/atomicfile/lock_other.go":    "build tags of systems",
	"internal/conform/race_off.go":         "build tag race",
	"internal/conform/race_on.go":          "build tag race",
	"internal/input/wait_other.go":         "build tags of systems",
	"internal/input/wait_unix.go":          "build tags of systems",
	"internal/kernel/dispatch_portable.go": "build tags of processors",
	"internal/kernel/pause.go":             "build tags of processors",
	"internal/kernel/pause_portable.go":    "build tags of processors",
	"internal/nilcheck/nilcheck.go":        "a package of one function",
	"internal/parallelism/quota_other.go":  "build tags of systems",
	"internal/random/mix.go":               "a package of one function",
	"internal/testkit/pipe_other.go":       "build tags of systems",
	"internal/testkit/pipe_unix.go":        "build tags of systems",
	"mnist/pixelflow/cpu_other.go":         "build tags of systems",
	"mnist/pixelflow/cpu_unix.go":          "build tags of systems",
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

// An optional interface that is matched has a name. Package onnx matches the
// indices of layers that only reorder features, a question of its own.
func TestOptionalInterfacesHaveNames(t *testing.T) {
	walkSource(t, func(path string, f *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		check := func(asked ast.Expr) {
			if i, ok := asked.(*ast.InterfaceType); ok && len(i.Methods.List) > 0 {
				t.Errorf("%v: an interface without a name is matched; name it, in bijector/optional.go if several packages ask", fset.Position(i.Pos()))
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeAssertExpr:
				check(n.Type)
			case *ast.TypeSwitchStmt:
				for _, c := range n.Body.List {
					for _, asked := range c.(*ast.CaseClause).List {
						check(asked)
					}
				}
			}
			return true
		})
	})
}

// The table at the top of bijector/optional.go has a row for each interface of
// the file, and no row for one that package bijector has not.
func TestOptionalInterfacesAreListed(t *testing.T) {
	declared, listed := map[string]bool{}, map[string]bool{}
	var wanted []string
	walkSource(t, func(path string, f *ast.File, _ *token.FileSet) {
		if filepath.Dir(path) != "bijector" {
			return
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				name := spec.(*ast.TypeSpec).Name.Name
				if declared[name] = true; path == "bijector/optional.go" {
					wanted = append(wanted, name)
				}
			}
		}
		if path == "bijector/optional.go" {
			for _, row := range regexp.MustCompile(`(?m)^\t([A-Z]\w+) `).FindAllStringSubmatch(f.Comments[0].Text(), -1) {
				listed[row[1]] = true
			}
		}
	})
	if len(wanted) == 0 {
		t.Fatal("bijector/optional.go declares nothing")
	}
	for _, name := range wanted {
		if !listed[name] {
			t.Errorf("%s has no row in the table of bijector/optional.go", name)
		}
	}
	for name := range listed {
		if !declared[name] {
			t.Errorf("the table of bijector/optional.go has %s, package bijector has not", name)
		}
	}
}
