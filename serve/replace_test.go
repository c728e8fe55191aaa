package serve_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/serve"
	"github.com/bijou-flow/bijou/table"
)

// TestSameRows: names and kinds of columns count, or the width of arrays.
func TestSameRows(t *testing.T) {
	arrays := func(dim int) *serve.Model {
		scale := testkit.Must(bijector.NewScale[float32](bijector.ScaleSpec{Dim: dim}))
		return testkit.Must(serve.Arrays(testkit.Must(flow.New(scale, distribution.StandardNormal[float32](dim))), dim, nil))
	}
	columns := func(a, b, c string, kind table.Kind, categories ...string) *serve.Model {
		return testkit.Must(serve.Table(tableModelOf(
			table.Column{Name: a, Kind: kind, Max: 1},
			table.Column{Name: b, Kind: table.Category, Categories: categories},
			table.Column{Name: c, Kind: table.Real, Max: 1, Missing: true},
		)))
	}
	was := columns("a", "b", "c", table.Real, "x", "y")
	for _, c := range []struct {
		name     string
		m, other *serve.Model
		kind     error // nil: the same
		want     string
	}{
		{"equal", columns("a", "b", "c", table.Real, "x", "y"), was, nil, ""},
		{"order", columns("c", "b", "a", table.Real, "x", "y"), was, nil, ""},
		{"categories", columns("a", "b", "c", table.Real, "y", "z"), was, nil, ""},
		{"names", columns("a", "d", "e", table.Real, "x", "y"), was, bijector.ErrShape, "it lacks b, c; it has also d, e"},
		{"kind", columns("a", "b", "c", table.Integer, "x", "y"), was, bijector.ErrShape, "of another kind: a (integer, it was real)"},
		{"arrays", arrays(3), was, bijector.ErrShape, "rows of a density, want those of a table"},
		{"equal width", arrays(2), arrays(2), nil, ""},
		{"width", arrays(3), arrays(2), bijector.ErrShape, "rows of 3 values, want 2"},
		{"nil", nil, was, bijector.ErrSpec, "no model"},
		{"zero", was, &serve.Model{}, bijector.ErrSpec, "no model"},
	} {
		err := c.m.SameRows(c.other)
		if !errors.Is(err, c.kind) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %v: %s", c.name, err, c.kind, c.want)
		}
	}
}
