// What TestNoPanics calls the methods of package table on.

package bijou_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/serve"
	"github.com/bijou-flow/bijou/table"
)

// tableSamples are values of the types of package table.
func tableSamples() []any {
	schema := &table.Schema{Columns: []table.Column{
		{Name: "a", Kind: table.Real, Step: 0.5, Offset: 1, Scale: 2, Max: 3, Missing: true},
		{Name: "b", Kind: table.Category, Categories: []string{"x", "y"}, OnUnknown: table.TakeMissing},
		{Name: "c", Kind: table.Time, Layout: "2006-01-02"},
		{Name: "d", Kind: table.Boolean, Categories: []string{"no", "yes"}, OnUnknown: table.SkipRow},
	}}
	names := schema.Names()
	inference := testkit.Must(table.NewInference(names, table.InferOptions{}))
	reader := func(text string) *table.Reader {
		return testkit.Must(table.NewReader(strings.NewReader(text), table.ReaderOptions{}))
	}
	const rows = "a,b,c,d\n1,x,2024-01-02,yes\n,y,2024-01-03,no\n"
	rowsOf := reader(rows)
	for {
		cells, err := rowsOf.Read()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = inference.Add(cells)
		}
		if err != nil {
			panic(err)
		}
	}
	var column table.Column
	return []any{
		schema, inference, reader(rows), reader(`{"a":1,"b":"x","c":"2024-01-02","d":"no"}`), &column, &schema.Columns[0], &schema.Columns[1],
		testkit.Must(schema.Bind(names, false)), &table.CellError{Row: 1, Column: "a"}, names,
		[]string{"1", "x", "2024-01-02", "no"},
		testkit.Must(table.NewWriter(new(bytes.Buffer), names, schema, table.ReaderOptions{})),
		testkit.Must(table.NewWriter(new(bytes.Buffer), names, schema, table.ReaderOptions{Format: table.NDJSON})),
		&table.Schema{}, &table.Inference{}, &table.Reader{}, &table.Writer{}, &table.Binding{}, &table.Objects{},
		testkit.Must(schema.Objects(table.ObjectOptions{})),
		table.ReaderOptions{},
		table.InferOptions{Sample: 10},
		table.FitOptions{},
		table.Run{Members: 2, Orders: 2},
		table.ModelSpec{Schema: schema, Scores: 3},
	}
}

// servers are values of the types of package serve.
func servers[T bijector.Float]() []any {
	model := testkit.Must(serve.Table(tableModel[T]()))
	score := httptest.NewRequest("POST", "/v1/score", strings.NewReader(`[{"a":1,"b":"x"}]`))
	score.Header.Set("Content-Type", "application/json")
	return []any{
		model, testkit.Must(serve.New(model, serve.Options{})), &serve.Model{}, &serve.Handler{}, score,
		httptest.NewRequest("GET", "/v1/model", nil), &http.Request{}, httptest.NewRecorder(), http.ResponseWriter(httptest.NewRecorder()),
	}
}

// tableModel is a model of a number and a category.
func tableModel[T bijector.Float]() *table.Model[T] {
	schema := &table.Schema{Columns: []table.Column{{Name: "a", Kind: table.Real, Max: 1}, {Name: "b", Kind: table.Category, Categories: []string{"x", "y"}}}}
	base := testkit.Must(autoregressive.NewMixed[T](autoregressive.MixedSpec{Columns: []autoregressive.MixedColumn{{Continuous: true}, {Atoms: []float64{0, 1}}}, Hidden: 4}))
	same := testkit.Must(bijector.NewPermute[T](bijector.PermuteSpec{Dim: 2, Kind: "given", Indices: []int{0, 1}}))
	density := testkit.Must(flow.NewEnsemble(flow.Mixing{}, testkit.Must(flow.New[T](same, base))))
	return testkit.Must(table.NewModel(schema, density, []float64{-3, -2, -1}))
}
