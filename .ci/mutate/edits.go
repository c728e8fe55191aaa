// The edits: what a mutation may do to a file.

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
)

// edit replaces a file's bytes from one offset to another.
type edit struct {
	path     string
	line     int
	from, to int
	text     string
}

// swaps are operators and what stands in their place.
var swaps = map[token.Token]token.Token{
	token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LAND: token.LOR, token.LOR: token.LAND,
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
	token.MUL_ASSIGN: token.QUO_ASSIGN, token.QUO_ASSIGN: token.MUL_ASSIGN,
	token.INC: token.DEC, token.DEC: token.INC,
}

// editsOf are all edits of a file.
func editsOf(path string, src []byte) ([]edit, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, src, 0)
	if err != nil {
		return nil, err
	}
	var all []edit
	at := func(p token.Pos) int { return files.Position(p).Offset }
	add := func(from, to token.Pos, text string) {
		all = append(all, edit{path, files.Position(from).Line, at(from), at(to), text})
	}
	operator := func(pos token.Pos, op token.Token) {
		if by, ok := swaps[op]; ok {
			add(pos, pos+token.Pos(len(op.String())), by.String())
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			return n.Tok != token.IMPORT
		case *ast.BinaryExpr:
			operator(n.OpPos, n.Op)
		case *ast.UnaryExpr:
			if n.Op == token.SUB || n.Op == token.NOT {
				add(n.OpPos, n.OpPos+1, "")
			}
		case *ast.IncDecStmt:
			operator(n.TokPos, n.Tok)
		case *ast.AssignStmt:
			operator(n.TokPos, n.Tok)
			if n.Tok == token.ASSIGN {
				add(n.Pos(), n.End(), "")
			}
		case *ast.ExprStmt: // a call for what it does
			add(n.Pos(), n.End(), "")
		case *ast.IfStmt:
			add(n.Cond.Pos(), n.Cond.End(), "!("+string(src[at(n.Cond.Pos()):at(n.Cond.End())])+")")
		case *ast.ReturnStmt:
			if k := len(n.Results) - 1; k >= 0 && isError(n.Results[k]) {
				add(n.Results[k].Pos(), n.Results[k].End(), "nil")
			}
		case *ast.BasicLit:
			if v, err := strconv.Atoi(n.Value); n.Kind == token.INT && err == nil {
				add(n.Pos(), n.End(), strconv.Itoa(v+1))
			}
		}
		return true
	})
	return all, nil
}

// isError finds what is returned as an error: err, or a call that makes one.
func isError(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "err"
	case *ast.CallExpr:
		s, ok := e.Fun.(*ast.SelectorExpr)
		return ok && (s.Sel.Name == "Errorf" || s.Sel.Name == "Join")
	}
	return false
}
