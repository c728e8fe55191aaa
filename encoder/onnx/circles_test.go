// Nodes in circles are refused, in a branch, too; nodes out of order are not.

package bijouonnx

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

func TestCircles(t *testing.T) {
	branch := func(reads string) graphOf {
		return graphOf{outputs: []valueOf{{"b", float32s, []any{"n", 3}}}, nodes: []nodeOf{one("Tanh", nil, "a", reads), one("Exp", nil, "b", "a")}}
	}
	choice := func(reads string) nodeOf {
		return one("If", map[string]any{"then_branch": branch("x"), "else_branch": branch(reads)}, "y", "w")
	}
	for what, c := range map[string]struct {
		nodes  []nodeOf
		circle string // tensors that wait for it, one of which is named
	}{
		"a node of itself":               {[]nodeOf{one("Add", nil, "y", "x", "y")}, "y"},
		"two of each other":              {[]nodeOf{one("Tanh", nil, "u", "v"), one("Exp", nil, "v", "u"), one("Add", nil, "y", "x", "v")}, "u"},
		"beside what is asked":           {[]nodeOf{one("Tanh", nil, "y", "x"), one("Tanh", nil, "u", "u")}, "u"},
		"a branch of its own choice":     {[]nodeOf{choice("y")}, "a b"},
		"a branch of what follows":       {[]nodeOf{choice("z"), one("Exp", nil, "z", "y")}, "a b"},
		"a tensor twice is no circle":    {[]nodeOf{one("Tanh", nil, "u", "x"), one("Mul", nil, "y", "u", "u")}, ""},
		"nodes out of order are none":    {[]nodeOf{one("Exp", nil, "y", "u"), one("Tanh", nil, "u", "x")}, ""},
		"a branch of what is outside":    {[]nodeOf{one("Tanh", nil, "u", "x"), choice("u")}, ""},
		"an input left out is no tensor": {[]nodeOf{one("Clip", nil, "y", "x", "", "")}, ""},
	} {
		n, err := parse(perRow(c.nodes, []weightOf{{name: "w", shape: []int{1}, ints: []int64{1}}}, []any{3}, 3).bytes(), "m.onnx")
		switch {
		case c.circle == "" && (err != nil || n == nil):
			t.Errorf("%s: %v", what, err)
		case c.circle != "" && (!errors.Is(err, bijector.ErrSpec) || !errors.Is(err, ErrFile) || !slices.ContainsFunc(strings.Fields(c.circle), func(name string) bool {
			return strings.Contains(err.Error(), `"`+name+`" goes round in a circle`)
		})):
			t.Errorf("%s: %v", what, err)
		}
	}
}
