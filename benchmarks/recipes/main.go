// Command recipes trains every recipe on embeddings of MNIST, and Real NVP with
// every parametrisation of its scale, and prints what each comes to as Markdown
// tables.
//
//	go run ./benchmarks/recipes
//	go run ./benchmarks/recipes -train emb_train.npy -test emb_test.npy -seeds 1,2,3
//
// Without -train and -test it trains an autoencoder first and uses its
// embeddings. Flows know the digit. All are trained alike: see trainOptions.
// Times are those of the fastest steps and runs, so that what else the machine
// does shows little.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	a := arguments{}
	flag.StringVar(&a.train, "train", "", "`file` of embeddings of the training images in their order, float32 (60000, d): a .npy file, or FILE.npz:NAME; empty: train an autoencoder")
	flag.StringVar(&a.test, "test", "", "`file` of embeddings of the test images")
	flag.IntVar(&a.epochs, "epochs", 20, "`number` of epochs for each flow")
	flag.IntVar(&a.aeEpochs, "ae-epochs", 10, "`number` of epochs for the autoencoder")
	seeds := flag.String("seeds", "1", "`seeds`, with commas between: each row is the mean over them")
	flag.StringVar(&a.only, "only", "", "`words`, with commas between: the rows whose names contain one; empty: all")
	flag.IntVar(&a.limit, "limit", 0, "train on the first `n` images alone; 0: all")
	flag.Parse()
	for _, s := range strings.Split(*seeds, ",") {
		n, err := strconv.ParseUint(s, 10, 53)
		if err != nil {
			log.Fatalf("-seeds: %q is no seed", s)
		}
		a.seeds = append(a.seeds, n)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, a, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// arguments of the command.
type arguments struct {
	train, test, only       string
	epochs, aeEpochs, limit int
	seeds                   []uint64
}

// wanted says whether -only names a row.
func (a arguments) wanted(name string) bool {
	return a.only == "" || slices.ContainsFunc(strings.Split(a.only, ","), func(w string) bool { return strings.Contains(name, w) })
}

// run trains all rows that are wanted and writes the tables.
func run(ctx context.Context, a arguments, w io.Writer) error {
	d, err := load(ctx, a)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "| recipe | size | test, nats | train, nats | training, s | log-density, us a row | a draw, us | parameters |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|--:|--:|")
	for _, v := range recipes(d.dim) {
		if !a.wanted(v.name + " " + v.size) {
			continue
		}
		r, err := average(ctx, v, d, a, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.2f | %.1f | %.2f | %.2f | %d |\n",
			v.name, v.size, r.tests(), r.trained, r.seconds, r.density*1e6, r.draw*1e6, r.params)
	}
	fmt.Fprintln(w, "\n| scale | test, nats | train, nats | worst round trip | largest gain of the inverse |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|")
	for _, v := range scales(d.dim) {
		if !a.wanted("scale " + v.name) {
			continue
		}
		r, err := average(ctx, v, d, a, stability)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %s | %.2f | %.1e | %.0f |\n", v.name, r.tests(), r.trained, r.trip, r.gain)
	}
	return nil
}
