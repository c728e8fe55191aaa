// The mutants: what may be changed in a file, and how it reads behind its switch.

package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// mutant replaces a file's bytes from one offset to another by an expression or a
// statement that does what stood there, unless its switch is on.
type mutant struct {
	path     string
	line     int
	from, to int
	text     func(id int) string
	what     string
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %s", m.path, m.line, m.what) }

// swaps are operators and what stands in their place.
var swaps = map[token.Token]token.Token{
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LAND: token.LOR, token.LOR: token.LAND,
}

// assigned are the operators of statements like x += y, and those of steps.
var assigned = map[token.Token]token.Token{
	token.ADD_ASSIGN: token.ADD, token.SUB_ASSIGN: token.SUB, token.MUL_ASSIGN: token.MUL, token.QUO_ASSIGN: token.QUO,
	token.INC: token.ADD, token.DEC: token.SUB,
}

// finder collects the mutants of a file.
type finder struct {
	name  string // of the package
	path  string
	src   []byte
	files *token.FileSet
	info  *types.Info
	found []mutant
}

func (f *finder) at(p token.Pos) int { return f.files.Position(p).Offset }

func (f *finder) source(n ast.Node) string { return string(f.src[f.at(n.Pos()):f.at(n.End())]) }

// add takes a mutant of a node: format has the id and then the arguments.
func (f *finder) add(n ast.Node, what, format string, args ...any) {
	f.found = append(f.found, mutant{
		path: f.path, line: f.files.Position(n.Pos()).Line, from: f.at(n.Pos()), to: f.at(n.End()), what: what,
		text: func(id int) string { return fmt.Sprintf(format, append([]any{id}, args...)...) },
	})
}

// visit is for ast.Inspect.
func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GenDecl:
		return n.Tok != token.IMPORT && n.Tok != token.CONST
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	case *ast.IfStmt:
		f.add(n.Cond, "not "+f.source(n.Cond), "(%[2]s) != mutated(%[1]d)", f.source(n.Cond))
	case *ast.IncDecStmt:
		f.assign(n, n.X, n.Tok, "1")
	case *ast.AssignStmt:
		if _, ok := assigned[n.Tok]; ok {
			f.assign(n, n.Lhs[0], n.Tok, f.source(n.Rhs[0]))
		}
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			if t := f.info.Types[e].Type; t != nil && types.Identical(t, types.Universe.Lookup("error").Type()) {
				f.add(e, "returns nil for "+f.source(e), "mutatedError(%d, %s)", f.source(e))
			}
		}
	case ast.Expr:
		f.expression(n)
	}
	return true
}

// statements are left out, one at a time: assignments, and calls for what they do.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		switch a := s.(type) {
		case *ast.AssignStmt:
			if a.Tok != token.ASSIGN {
				continue
			}
		case *ast.ExprStmt:
		default:
			continue
		}
		f.add(s, "without "+f.source(s), "if !mutated(%d) { %s }", f.source(s))
	}
}

// assign is of x op= y, where x is evaluated twice and so must be no call.
func (f *finder) assign(n ast.Node, x ast.Expr, tok token.Token, y string) {
	calls := false
	ast.Inspect(x, func(n ast.Node) bool {
		_, call := n.(*ast.CallExpr)
		calls = calls || call
		return true
	})
	op, ok := assigned[tok]
	if calls || !ok {
		return
	}
	f.add(n, fmt.Sprintf("%v= for %s", swaps[op], f.source(n)), "%[2]s = mutated%[3]s(%[1]d, %[2]s, %[4]s)", f.source(x), names[op], y)
}

// expression takes operators and numbers.
func (f *finder) expression(e ast.Expr) {
	constant := f.info.Types[e].Value != nil
	switch e := e.(type) {
	case *ast.BinaryExpr:
		by, ok := swaps[e.Op]
		if constant || !ok {
			return
		}
		what, x, y := fmt.Sprintf("%v for %v in %s", by, e.Op, f.source(e)), f.source(e.X), f.source(e.Y)
		switch e.Op {
		case token.EQL, token.NEQ:
			f.add(e, what, "((%[2]s) != mutated(%[1]d))", f.source(e))
		case token.LAND, token.LOR:
			f.add(e, what, "mutated%[2]s(%[1]d, %[3]s, func() bool { return %[4]s })", names[e.Op], x, y)
		default:
			f.add(e, what, "mutated%[2]s(%[1]d, %[3]s, %[4]s)", names[e.Op], x, y)
		}
	case *ast.UnaryExpr:
		switch {
		case e.Op == token.NOT:
			f.add(e, "without ! in "+f.source(e), "((%[2]s) != mutated(%[1]d))", f.source(e))
		case e.Op == token.SUB && constant:
			f.number(e, f.source(e.X))
		case e.Op == token.SUB:
			f.add(e, "without - in "+f.source(e), "mutatedNeg(%d, %s)", f.source(e.X))
		}
	case *ast.BasicLit:
		if v, err := strconv.Atoi(e.Value); e.Kind == token.INT && err == nil {
			f.number(e, strconv.Itoa(v+1))
		}
	}
}

// number is of a constant, whose type is said since the type of a call is not its
// context's.
func (f *finder) number(e ast.Expr, by string) {
	t := f.info.Types[e].Type
	if t == nil {
		return
	}
	name := types.TypeString(types.Default(t), func(p *types.Package) string {
		if p.Name() == f.name {
			return ""
		}
		return p.Name()
	})
	if strings.Contains(name, "untyped") {
		return
	}
	f.add(e, by+" for "+f.source(e), "mutatedConst[%[2]s](%[1]d, %[3]s, %[4]s)", name, f.source(e), by)
}
