// No exported function and no method panics on what a user hands in.

package bijou_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/fnv"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// publicPackages are those whose functions are called.
var publicPackages = []string{
	"bijector", "coupling", "autoregressive", "distribution", "flow", "vi", "train", "auto",
	"autoencoder", "registry", "onnx", "interop/torch", "mnist", "table", "serve",
	"posterior",
}

// TestNoPanics calls every exported function and every method of what the
// constructors make with nil, empty, negative, huge, not finite and mismatched
// arguments.
func TestNoPanics(t *testing.T) {
	declared := exported(t)
	log.SetOutput(io.Discard)
	chdir(t, t.TempDir())
	c := &caller{called: map[string]bool{}, seen: map[string]bool{}}
	callAll[float32](t, c)
	callAll[float64](t, c)
	for _, name := range declared {
		reason, except := exceptions[name]
		switch {
		case c.called[name] && except:
			t.Errorf("%s is called, and excepted: %s", name, reason)
		case !c.called[name] && !except:
			t.Errorf("%s is called nowhere: add it to publicFunctions or its type to samples in panics_table_test.go, or to the exceptions", name)
		}
	}
	for name := range exceptions {
		if !slices.Contains(declared, name) {
			t.Errorf("the exception %s is nothing that is exported", name)
		}
	}
	if c.calls < 50_000 {
		t.Errorf("only %d calls", c.calls)
	}
	t.Logf("%d calls of %d functions and methods", c.calls, len(c.called))
}

// chdir makes dir the working directory until the test ends: some functions
// write files.
func chdir(t *testing.T, dir string) {
	old, err := os.Getwd()
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chdir(old); err != nil {
			t.Error(err)
		}
	})
}

func callAll[T bijector.Float](t *testing.T, c *caller) {
	c.t, c.goods = t, samples[T]()
	functions := publicFunctions[T]()
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		c.call(name, reflect.ValueOf(functions[name]))
	}
	for i := range c.goods {
		c.goods = samples[T]()
		v := reflect.ValueOf(c.goods[i])
		for m := range v.NumMethod() {
			name := typeName(v.Type()) + "." + v.Type().Method(m).Name
			if _, except := exceptions[name]; !except && isOurs(v.Type(), v.Type().Method(m).Name) {
				c.call(name, v.Method(m))
			}
		}
	}
}

// isOurs reports whether a type's method is this library's: Rows have those of
// the tensor package, too.
func isOurs(t reflect.Type, method string) bool {
	if typeName(t) != "bijector.Rows" {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		return strings.HasPrefix(t.PkgPath(), "github.com/bijou-flow/bijou/")
	}
	return slices.Contains([]string{"Dense", "Values", "Data", "Len", "Dim", "Slice", "Clone"}, method)
}

// caller calls functions with arguments of all kinds.
type caller struct {
	t      *testing.T
	rng    *rand.Rand // seeded anew for each function
	goods  []any      // what the constructors make
	called map[string]bool
	seen   map[string]bool // panics that were reported
	calls  int
}

// call calls f with one argument after the other that is not as it should be,
// and with arguments at random.
func (c *caller) call(name string, f reflect.Value) {
	h := fnv.New64a()
	h.Write([]byte(name))
	c.rng = rand.New(rand.NewPCG(1, h.Sum64()))
	ft := f.Type()
	exported, _, _ := strings.Cut(name, " ")
	c.called[exported] = true
	if isInner(ft) {
		return
	}
	choices := make([][]reflect.Value, ft.NumIn())
	for i := range choices {
		choices[i] = c.candidates(ft.In(i), 2)
	}
	args := make([]reflect.Value, len(choices))
	if len(choices) == 0 {
		c.try(name, f, args)
	}
	for i := range choices {
		for _, v := range choices[i] {
			for range 6 {
				for j := range args {
					args[j] = c.good(choices[j])
				}
				args[i] = v
				c.try(name, f, args)
			}
		}
	}
	if len(choices) > 1 {
		for range 300 {
			for j := range args {
				args[j] = choices[j][c.rng.IntN(len(choices[j]))]
			}
			c.try(name, f, args)
		}
	}
}

// good is one of the first choices, which are the sound ones.
func (c *caller) good(choices []reflect.Value) reflect.Value {
	return choices[c.rng.IntN(min(len(choices), 3))]
}

// try calls f, and reports a panic once for each place it comes from.
func (c *caller) try(name string, f reflect.Value, args []reflect.Value) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		place := origin(string(debug.Stack()))
		if key := name + place; !c.seen[key] {
			c.seen[key] = true
			texts := make([]string, len(args))
			for i, a := range args {
				texts[i] = describe(a)
			}
			c.t.Errorf("%s(%s) panics at %s: %v", name, strings.Join(texts, ", "), place, p)
		}
	}()
	c.calls++
	if f.Type().IsVariadic() {
		f.CallSlice(args)
		return
	}
	f.Call(args)
}

// origin is the first line of this module below the panic in a stack.
func origin(stack string) string {
	lines := strings.Split(stack, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic(") {
			lines = lines[i+2:]
			break
		}
	}
	for i, line := range lines {
		if strings.HasPrefix(line, "github.com/bijou-flow/bijou/") && i+1 < len(lines) {
			at, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
			parts := strings.Split(at, "/")
			return strings.Join(parts[max(0, len(parts)-3):], "/")
		}
	}
	return "the call"
}

// describe names an argument's type, and says whether it is nil.
func describe(v reflect.Value) string {
	if v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	s := fmt.Sprint(v.Type())
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Interface, reflect.Slice:
		if v.IsNil() {
			return s + "(nil)"
		}
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float32, reflect.Float64:
		return fmt.Sprintf("%s(%v)", s, v)
	}
	return s
}

// exported are the names of the functions and methods that the public packages
// export, "flow.New" and "flow.Flow.LogProb".
func exported(t *testing.T) (names []string) {
	for _, p := range publicPackages {
		pkgs, err := parser.ParseDir(token.NewFileSet(), p, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		short := p[strings.LastIndex(p, "/")+1:]
		for path, f := range pkgs[short].Files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || !fn.Name.IsExported() {
					continue
				}
				name := short + "."
				if fn.Recv != nil {
					receiver := receiverName(fn.Recv.List[0].Type)
					if !ast.IsExported(receiver) || innerTypes[short+"."+receiver] != "" {
						continue
					}
					name += receiver + "."
				}
				names = append(names, name+fn.Name.Name)
			}
		}
	}
	if len(names) < 300 {
		t.Fatalf("only %d functions were found", len(names))
	}
	return names
}

func receiverName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiverName(e.X)
	case *ast.IndexExpr:
		return receiverName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
