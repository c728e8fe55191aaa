// Command speed measures how many rows of a table a second are trained on and
// scored, by the number of columns: categories, counts, rounded and other numbers
// that depend on a hidden factor.
//
//	go run ./benchmarks/tables/speed
//	go run ./benchmarks/tables/speed -d 20 -profile cpu.out
//	go run ./benchmarks/tables/speed -d 10 -n 10000000 -csv > big.csv
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/table"
)

func main() {
	columns := flag.String("d", "10,20,100", "columns, with commas between")
	n := flag.Int("n", 20_000, "rows")
	asCSV := flag.Bool("csv", false, "write the rows as CSV to standard output, and measure nothing")
	profile := flag.String("profile", "", "file of a CPU profile of scoring")
	flag.Parse()
	for _, text := range strings.Split(*columns, ",") {
		d, err := strconv.Atoi(strings.TrimSpace(text))
		if err == nil && *asCSV {
			err = writeCSV(max(d, 1), *n)
		} else if err == nil {
			err = run(max(d, 1), max(*n, 1000), *profile)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "speed:", err)
			os.Exit(1)
		}
	}
}

// run measures tables of d columns.
func run(d, n int, profile string) error {
	schema, codes, err := rows(d, n)
	if err != nil {
		return err
	}
	start := time.Now()
	const epochs = 2
	m, report, err := table.Fit[float32](context.Background(), schema, table.MemoryRows(d, codes), table.FitOptions{Epochs: epochs, Calibration: -1, Validation: -1})
	if err != nil {
		return err
	}
	fit := time.Since(start).Seconds() / float64(epochs*report.Train)
	logp := make([]float64, n)
	if err := m.LogProbInto(logp, codes); err != nil { // passes are made
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	best := math.Inf(1)
	for range 5 {
		start = time.Now()
		if err := m.LogProbInto(logp, codes); err != nil {
			return err
		}
		best = min(best, time.Since(start).Seconds()/float64(n))
	}
	one := math.Inf(1)
	const singles = 100
	for round := range 50 {
		start = time.Now()
		for i := round * 10; i < round*10+singles; i++ { // of 1,000 rows at least
			if err := m.LogProbInto(logp[:1], codes[i*d:(i+1)*d]); err != nil {
				return err
			}
		}
		one = min(one, time.Since(start).Seconds()/singles)
	}
	fmt.Printf("%d columns: %.1f us a row and epoch to train, %.2f us a row to score in one batch of %d (best of 5), %.1f us one by one (%d of them, best of 50)\n",
		d, 1e6*fit, 1e6*best, n, 1e6*one, singles)
	return nil
}

// writeCSV writes n rows of d columns to standard output.
func writeCSV(d, n int) error {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	w := csv.NewWriter(out)
	g := newGenerator(d)
	if err := w.Write(g.names); err != nil {
		return err
	}
	for range n {
		if err := w.Write(g.row()); err != nil {
			return err
		}
	}
	if w.Flush(); w.Error() != nil {
		return w.Error()
	}
	return out.Flush()
}

// generator draws rows.
type generator struct {
	rng          *rand.Rand
	names, cells []string
}

func newGenerator(d int) *generator {
	g := &generator{rng: rand.New(rand.NewPCG(1, uint64(d))), names: make([]string, d), cells: make([]string, d)}
	for j := range g.names {
		g.names[j] = "c" + strconv.Itoa(j)
	}
	return g
}

// row is the next row, which is written over by the one behind it.
func (g *generator) row() []string {
	z := g.rng.NormFloat64()
	for j := range g.cells {
		v := 0.7*z + 0.7*g.rng.NormFloat64()
		switch j % 5 {
		case 0:
			g.cells[j] = string(rune('a' + int(min(max(2*v+4, 0), 8))))
		case 1:
			g.cells[j] = strconv.Itoa(int(math.Exp(v + 1)))
		case 2:
			g.cells[j] = strconv.FormatFloat(10*v, 'f', 1, 64)
		case 3:
			g.cells[j] = strconv.FormatFloat(max(v, 0), 'f', -1, 64)
		default:
			g.cells[j] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return g.cells
}

// rows are n rows of d columns, encoded.
func rows(d, n int) (*table.Schema, []float64, error) {
	g := newGenerator(d)
	infer, err := table.NewInference(g.names, table.InferOptions{})
	if err != nil {
		return nil, nil, err
	}
	all := make([][]string, n)
	for i := range all {
		all[i] = slices.Clone(g.row())
		if err := infer.Add(all[i]); err != nil {
			return nil, nil, err
		}
	}
	schema, err := infer.Schema()
	if err != nil {
		return nil, nil, err
	}
	codes, row := make([]float64, 0, n*d), make([]float64, d)
	for _, cells := range all {
		if err := schema.Encode(cells, row); err != nil {
			return nil, nil, err
		}
		codes = append(codes, row...)
	}
	return schema, codes, nil
}
