package table_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/testkit"
	"github.com/bijou-flow/bijou/table"
)

// TestObjects: rows of JSON are encoded as those of a table are, each by itself.
func TestObjects(t *testing.T) {
	schema := &table.Schema{
		Columns: []table.Column{
			{Name: "a", Kind: table.Real, Max: 4, Offset: 1, Scale: 2},
			{Name: "b", Kind: table.Category, Categories: []string{"x", "y"}},
			{Name: "c", Kind: table.Integer, Max: 9, Missing: true},
			{Name: "d", Kind: table.Boolean, Categories: []string{"false", "true"}, OnUnknown: table.TakeMissing},
		},
		LeftOut: []table.LeftOut{{Name: "id"}},
	}
	strict, loose := testkit.Must(schema.Objects(table.ObjectOptions{})), testkit.Must(schema.Objects(table.ObjectOptions{AllowExtra: true, Missing: []string{"?"}}))
	row := make([]float64, 4)
	for _, c := range []struct {
		objects *table.Objects
		text    string
		want    []float64
	}{
		{strict, `{"a":3,"b":"y","c":7,"d":true}`, []float64{1, 1, 7, 1}},
		{strict, ` {"d": "FALSE", "id": 5, "b" : "x", "a":"-1"} `, []float64{-1, 0, table.Missing, 0}},
		{strict, `{"a":3,"b":"y","c":"NA","d":"perhaps"}`, []float64{1, 1, table.Missing, table.Missing}},
		{loose, `{"a":3,"b":"y","c":"?","e":1,"f":null}`, []float64{1, 1, table.Missing, table.Missing}},
	} {
		if err := c.objects.Encode([]byte(strings.TrimSpace(c.text)), row); err != nil || !slices.Equal(row, c.want) {
			t.Errorf("%s: %v, %v; want %v", c.text, row, err, c.want)
		}
	}
	for _, c := range []struct {
		objects *table.Objects
		text    string
		err     error
		want    string
	}{
		{strict, `{"a":3,"b":"y","e":1}`, table.ErrColumns, `the key "e" is none of the schema's columns`},
		{strict, `{"a":3}`, table.ErrCell, `column "b": a missing cell`},
		{loose, `{"a":3,"b":"y","c":"NA"}`, table.ErrCell, `the text "NA"`},
		{strict, `{"a":3,"b":"y","a":3}`, table.ErrInput, `the key "a" is there twice`},
		{strict, `[3]`, table.ErrInput, "want a JSON object"},
		{strict, ``, table.ErrInput, "it is empty"},
		{strict, `{"a":3`, table.ErrInput, "ends within an object"},
	} {
		if err := c.objects.Encode([]byte(c.text), row); !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %v, %s", c.text, err, c.err, c.want)
		}
	}
	if err := strict.Encode([]byte(`{}`), row[:3]); !errors.Is(err, table.ErrColumns) {
		t.Errorf("a short row: %v", err)
	}
	if _, err := new(table.Schema).Objects(table.ObjectOptions{}); !errors.Is(err, table.ErrSchema) {
		t.Errorf("no columns: %v", err)
	}
}
