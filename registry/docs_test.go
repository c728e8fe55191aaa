package registry_test

// What a reader is owed of every part that has a name: a comment that says what
// it computes, where, at what cost and after whom, and an example that runs.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// owed is what the comments must speak of, by the package of a layer or a base,
// for networks and for recipes. A formula's, an inverse's and a paper's presence is
// told by what they cannot do without: they are still to be read.
var owed = map[string][]string{
	"bijector":       {`\bz.* = |\bz_`, `log\|det`, `\bx.* = `, `\b[Dd]omain\b`, `\bcosts?\b`, `\b(19|20)\d\d\b`},
	"coupling":       {`\bz_moved = `, `log\|det`, `\bx_moved = |\binverse\b`, `\bdomain\b`, `\bcost\b`, `arXiv`},
	"autoregressive": {`\bz_j = `, `log\|det`, `\bx_j = `, `\bdomain\b`, `\bcosts?\b`, `arXiv`},
	"distribution":   {`log p\(`, `\bsupport\b`, `\b[Dd]raws?\b`, `\bgradients?\b`, `\bcosts?\b`, `arXiv`},
	"network":        {`\by +=`, `\bdomain\b`, `\bcost\b`, `arXiv`},
	"recipe":         {`z.* = |scales`, `arXiv`},
}

// sources are the declarations of one package.
type sources struct {
	docs     map[string]string // of types and functions
	results  map[string]string // the type that a function makes
	examples map[string]bool
}

func readSources(t *testing.T, pkg string) sources {
	t.Helper()
	s := sources{docs: map[string]string{}, results: map[string]string{}, examples: map[string]bool{}}
	files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the files of %s: %v, %v", pkg, files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok {
						s.docs[ts.Name.Name] = d.Doc.Text() + ts.Doc.Text()
					}
				}
			case *ast.FuncDecl:
				if d.Recv != nil {
					continue
				}
				if strings.HasSuffix(name, "_test.go") {
					s.examples[d.Name.Name] = strings.HasPrefix(d.Name.Name, "Example") && hasOutput(f, d)
					continue
				}
				s.docs[d.Name.Name] = d.Doc.Text()
				if d.Type.Results != nil {
					s.results[d.Name.Name] = resultName(d.Type.Results.List[0].Type)
				}
			}
		}
	}
	return s
}

// hasOutput reports whether an example states what it prints, without which go
// test does not run it.
func hasOutput(f *ast.File, d *ast.FuncDecl) bool {
	for _, c := range f.Comments {
		if c.Pos() > d.Pos() && c.End() < d.End() && strings.HasPrefix(c.Text(), "Output:") {
			return true
		}
	}
	return false
}

// resultName is the name of a result's type within its package, such as Chain for
// *Chain[T], and nothing for those of other packages.
func resultName(e ast.Expr) string {
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	if x, ok := e.(*ast.IndexExpr); ok {
		e = x.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// example reports whether one of the names has an example.
func (s sources) example(names ...string) bool {
	for _, n := range names {
		for e, runs := range s.examples {
			if runs && n != "" && (e == "Example"+n || strings.HasPrefix(e, "Example"+n+"_")) {
				return true
			}
		}
	}
	return false
}

// builtin is a part of the library as builtin.go registers it.
type builtin struct{ name, pkg, constructor string }

// readBuiltins reads the calls in builtin.go: a name, then a constructor.
func readBuiltins(t *testing.T) []builtin {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "builtin.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []builtin
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for i, a := range call.Args {
			lit, ok := a.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING || i+1 == len(call.Args) {
				continue
			}
			b := builtin{name: strings.Trim(lit.Value, `"`)}
			b.pkg, _, _ = strings.Cut(b.name, ".")
			if of, ok := call.Args[i+1].(*ast.IndexExpr); ok {
				switch c := of.X.(type) {
				case *ast.SelectorExpr:
					b.constructor = c.Sel.Name
				case *ast.Ident: // of package flow, under the name it had in distribution
					b.pkg, b.constructor = "flow", "Build"
				}
			}
			all = append(all, b)
		}
		return true
	})
	return all
}

func TestDocs(t *testing.T) {
	read := map[string]sources{}
	of := func(pkg string) sources {
		if _, ok := read[pkg]; !ok {
			read[pkg] = readSources(t, pkg)
		}
		return read[pkg]
	}
	networks := regexp.MustCompile(`\.(mlp|residual|convnet|made|blocks|standardizecontext|sequential)$`)
	parts := readBuiltins(t)
	if len(parts) < 30 {
		t.Fatalf("builtin.go registers %d parts?", len(parts))
	}
	for _, b := range parts {
		kind := b.pkg
		switch {
		case networks.MatchString(b.name):
			kind = "network"
		case kind == "flow", b.name == "autoregressive.mixed":
			kind = "distribution"
		}
		s := of(b.pkg)
		result := s.results[b.constructor]
		check(t, b.name, kind, s.docs[b.constructor]+s.docs[result])
		bare := strings.TrimPrefix(b.constructor, "Build")
		if !s.example(b.constructor, "New"+bare, bare, result) {
			t.Errorf("%s: no runnable Example of %s", b.name, b.constructor)
		}
	}
	for pkg, names := range map[string][]string{
		"coupling":       {"NICE", "RealNVP", "Glow", "NSF", "RealNVPImage", "GlowImage", "CircularNSF"},
		"autoregressive": {"MAF", "NSF"},
	} {
		for _, n := range names {
			check(t, pkg+"."+n, "recipe", of(pkg).docs[n])
			if !of(pkg).example(n) {
				t.Errorf("%s.%s: no runnable Example", pkg, n)
			}
		}
	}
}

// check reports what a comment leaves out.
func check(t *testing.T, name, kind, doc string) {
	t.Helper()
	for _, want := range owed[kind] {
		if !regexp.MustCompile(want).MatchString(doc) {
			t.Errorf("%s: its comment has nothing that matches %s", name, want)
		}
	}
}
