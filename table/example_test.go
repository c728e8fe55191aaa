// Runnable examples: a CSV to a schema, a model, scores and draws.

package table_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/bijou-flow/bijou/table"
)

// orders is a CSV of 800 orders: two kinds, a number of pieces, and a price that
// depends on both. Some have no price yet.
func orders() string {
	rng := rand.New(rand.NewPCG(1, 2))
	var csv strings.Builder
	csv.WriteString("kind,pieces,price\n")
	for range 800 {
		kind, each := "book", 12.0
		if rng.Float64() < 0.3 {
			kind, each = "lamp", 40
		}
		pieces := 1 + rng.IntN(4)
		price := ""
		if rng.Float64() < 0.9 {
			price = fmt.Sprintf("%.2f", each*float64(pieces)*(1+0.05*rng.NormFloat64()))
		}
		fmt.Fprintf(&csv, "%s,%d,%s\n", kind, pieces, price)
	}
	return csv.String()
}

// read infers a schema and encodes all rows by it.
func read(csv string) (*table.Schema, []float64) {
	r, err := table.NewReader(strings.NewReader(csv), table.ReaderOptions{})
	if err != nil {
		log.Fatal(err)
	}
	schema, err := table.Infer(r, table.InferOptions{})
	if err != nil {
		log.Fatal(err)
	}
	r, err = table.NewReader(strings.NewReader(csv), r.Options())
	if err != nil {
		log.Fatal(err)
	}
	binding, err := schema.Bind(r.Columns(), false)
	if err != nil {
		log.Fatal(err)
	}
	var codes []float64
	row := make([]float64, len(schema.Columns))
	for {
		if err := binding.Read(r, row); errors.Is(err, io.EOF) {
			return schema, codes
		} else if err != nil {
			log.Fatal(err) // with the row, the line and the column
		}
		codes = append(codes, row...)
	}
}

// What the columns of a CSV are taken for.
func ExampleInfer() {
	r, err := table.NewReader(strings.NewReader(orders()), table.ReaderOptions{})
	if err != nil {
		log.Fatal(err)
	}
	schema, err := table.Infer(r, table.InferOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range schema.Columns {
		fmt.Println(c.Name, c.Kind)
	}
	// Output:
	// kind category
	// pieces integer
	// price real
}

// A density of orders says which are odd, and which column makes them so.
func ExampleFit() {
	schema, codes := read(orders())
	rows := table.MemoryRows(len(schema.Columns), codes)
	// Hidden and Epochs keep the example short; the zero options suit most tables.
	model, _, err := table.Fit[float32](context.Background(), schema, rows, table.FitOptions{Hidden: 16, Epochs: 25})
	if err != nil {
		log.Fatal(err)
	}

	for _, cells := range [][]string{{"book", "2", "24.50"}, {"book", "2", "79.00"}} {
		row := make([]float64, len(cells))
		if err := schema.Encode(cells, row); err != nil {
			log.Fatal(err)
		}
		logp, err := model.LogProb(row)
		if err != nil {
			log.Fatal(err)
		}
		terms, err := model.Contributions(row) // log p(column | those before it)
		if err != nil {
			log.Fatal(err)
		}
		odd := model.PValues(logp)[0] < 0.05
		fmt.Println(cells, "odd:", odd, "by its price:", terms[2] < -10)
	}
	// Output:
	// [book 2 24.50] odd: false by its price: false
	// [book 2 79.00] odd: true by its price: true
}

// Draws come out as the table is written.
func ExampleModel_Sample() {
	schema, codes := read(orders())
	rows := table.MemoryRows(len(schema.Columns), codes)
	model, _, err := table.Fit[float32](context.Background(), schema, rows, table.FitOptions{Hidden: 16, Epochs: 10})
	if err != nil {
		log.Fatal(err)
	}
	draws, err := model.Sample(rand.New(rand.NewPCG(1, 2)), 1000)
	if err != nil {
		log.Fatal(err)
	}
	lamps, cells := 0, make([]string, len(schema.Columns))
	for i := range 1000 {
		if err := schema.Decode(draws[i*len(cells):(i+1)*len(cells)], cells); err != nil {
			log.Fatal(err)
		}
		if cells[0] == "lamp" {
			lamps++
		}
	}
	fmt.Println("about a third are lamps:", lamps > 250 && lamps < 400)
	// Output: about a third are lamps: true
}

// The likeliest kind of an order, by its pieces and its price.
func ExampleModel_Classify() {
	schema, codes := read(orders())
	rows := table.MemoryRows(len(schema.Columns), codes)
	model, _, err := table.Fit[float32](context.Background(), schema, rows, table.FitOptions{Hidden: 16, Epochs: 25})
	if err != nil {
		log.Fatal(err)
	}
	row := make([]float64, 3)
	if err := schema.Encode([]string{"book", "1", "39.00"}, row); err != nil { // the kind does not matter
		log.Fatal(err)
	}
	p, err := model.Classify(row, schema.Index("kind"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(schema.Columns[0].Categories, "a lamp:", p[1] > 0.95)
	// Output: [book lamp] a lamp: true
}

// CSV as NDJSON, with numbers that are numbers.
func ExampleNewWriter() {
	csv := "kind,pieces\nbook,2\nlamp,1\n"
	r, err := table.NewReader(strings.NewReader(csv), table.ReaderOptions{})
	if err != nil {
		log.Fatal(err)
	}
	schema, err := table.ParseSchema(strings.NewReader(`{"columns": [
		{"name": "kind", "kind": "category", "categories": ["book", "lamp"]},
		{"name": "pieces", "kind": "integer", "step": 1, "scale": 1}]}`))
	if err != nil {
		log.Fatal(err)
	}
	w, err := table.NewWriter(os.Stdout, r.Columns(), schema, table.ReaderOptions{Format: table.NDJSON})
	if err != nil {
		log.Fatal(err)
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		if err := w.Write(cells); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"kind":"book","pieces":2}
	// {"kind":"lamp","pieces":1}
}
