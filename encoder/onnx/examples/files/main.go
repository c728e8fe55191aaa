// Command files tells files that are unlike those of a training set: by a flow
// on the embeddings of Magika, a network that knows 200 types of files by their
// bytes, beside Mahalanobis distance and near neighbours.
//
//	go run ./examples/files -model model.onnx \
//		-usual go=$(go env GOROOT)/src:.go -usual assembly=$(go env GOROOT)/src:.s \
//		-odd c=$(go env GOROOT):.c,.h
//
// The network is in the package magika of PyPI (Apache-2.0), which
// "pip install --no-deps magika" unpacks: magika/models/standard_v3_3/model.onnx.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	bijouonnx "github.com/bijou-flow/bijou/encoder/onnx"
	"github.com/bijou-flow/bijou/encoder/onnx/internal/unlike"
)

// layer is the tensor of Magika that its last layer reads: 512 values.
const layer = "jax2tf_get_logits_/pjit_get_logits_/MagikaV2/LayerNorm_1/AddV2_1:0"

func main() {
	log.SetFlags(0)
	var usual, odd kinds
	flag.Var(&usual, "usual", "`NAME=DIR:.EXT,.EXT` of usual files; may be given again")
	flag.Var(&odd, "odd", "files of other kinds, as -usual")
	model := flag.String("model", "", "`file` of Magika")
	output := flag.String("output", layer, "`tensor` that is the embedding")
	runtime := flag.String("onnxruntime", "", "`file` of ONNX Runtime's shared library; empty: Go alone, which takes many times as long")
	each := flag.Int("each", 1000, "`files` of each usual kind at most, a tenth of it of the others")
	steps := flag.Int("steps", 1500, "`steps` of the optimiser")
	share := flag.Float64("share", 0.95, "`share` of the variance that the components in front of the flow keep")
	limit := flag.Duration("time", 0, "`time` of each fit at most; 0: no limit")
	flag.Parse()
	if err := run(usual, odd, *model, *output, *runtime, *each, unlike.Options{Share: *share, Steps: *steps, Time: *limit}); err != nil {
		log.Fatal(err)
	}
}

func run(usual, odd kinds, model, output, runtime string, each int, o unlike.Options) error {
	if err := bijouonnx.UseONNXRuntime(runtime); err != nil {
		return err
	}
	encoder, err := bijouonnx.OpenEncoder[float32](model, bijouonnx.Options{Output: output})
	if err != nil {
		return err
	}
	if encoder.Dim() != features {
		return fmt.Errorf("%s takes %d values, want Magika's %d", model, encoder.Dim(), features)
	}
	rng := rand.New(rand.NewPCG(1, 0))
	known, err := usual.read(each, rng)
	if err != nil {
		return err
	}
	others, err := odd.read(each/10, rng)
	if err != nil {
		return err
	}
	start := time.Now()
	var all []*bijector.Rows[float32] // of known, then of others, then altered ones
	for _, k := range append(known, others...) {
		z, err := encoder.Encode(rowsOf(k.files))
		if err != nil {
			return err
		}
		all = append(all, z)
		fmt.Fprintf(os.Stderr, "%s: %d files\n", k.name, len(k.files))
	}
	var groups []unlike.Group
	for i, k := range others {
		groups = append(groups, unlike.Group{Name: fmt.Sprintf("%s (%d)", k.name, len(k.files)), Rows: all[len(known)+i]})
	}
	for _, a := range alterations {
		files := altered(known, each/10, a, rng)
		z, err := encoder.Encode(rowsOf(files))
		if err != nil {
			return err
		}
		groups = append(groups, unlike.Group{Name: fmt.Sprintf("%s (%d)", a.name, len(files)), Rows: z})
	}
	pool := joined(all[:len(known)])
	fmt.Printf("%d usual files, embedded with all others in %v\n", pool.Len(), time.Since(start).Round(time.Second))
	var table unlike.Table
	for seed := uint64(1); seed <= 2; seed++ {
		order := rand.New(rand.NewPCG(seed, 0)).Perm(pool.Len())
		cut := 2 * len(order) / 3
		o.Seed = seed
		scores, note, err := unlike.Scores(context.Background(), unlike.Take(pool, order[:cut]), o)
		if err != nil {
			return err
		}
		fmt.Printf("seed %d: %s\n", seed, note)
		if err := table.Add(scores, unlike.Take(pool, order[cut:]), groups); err != nil {
			return err
		}
	}
	return table.Write(os.Stdout)
}

// joined is all rows, one batch after the other.
func joined(parts []*bijector.Rows[float32]) *bijector.Rows[float32] {
	n := 0
	for _, p := range parts {
		n += p.Len()
	}
	all := bijector.NewRows[float32](n, parts[0].Dim())
	i := 0
	for _, p := range parts {
		i += copy(all.Values()[i:], p.Values())
	}
	return all
}
