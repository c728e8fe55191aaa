// Tables of the user's own: recipes with given options, the best of them by
// validation, and the automatic choice.

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/distribution"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/train"
)

// tables measures the files that -tables names: a fifth of the rows, at most
// -rows in all, is for the test alone.
func tables(ctx context.Context, a arguments, s command.Streams) error {
	if a.tables == "" || !a.selects("tables") {
		return nil
	}
	fmt.Fprint(s.Out, "\ntables: nats a row on a fifth of the rows that nothing else saw; zero: train.Options{} on all other rows; documented: the options of the recipes' comments with the best epoch on a quarter of them; by validation: of the recipes and decays of 0.1 to 30, the best on that quarter\n\n| table | rows, columns | seed | zero: RealNVP, NSF, MAF | documented: RealNVP, NSF, MAF | by validation | Gaussian | auto.Fit | members | seconds |\n|---|--:|--:|---|---|--:|--:|--:|--:|--:|\n")
	for _, path := range strings.Split(a.tables, ",") {
		rows, err := command.ReadNumbers(path)
		if err != nil {
			return err
		}
		if len(rows) < 49 {
			return fmt.Errorf("%s: %d lines, want a line of names and at least 49 rows", path, len(rows)+1)
		}
		for _, seed := range a.seeds {
			if err := oneTable(ctx, strings.TrimSuffix(filepath.Base(path), ".csv"), rows, a, seed, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func oneTable(ctx context.Context, name string, rows [][]float64, a arguments, seed uint64, s command.Streams) error {
	order := rand.New(rand.NewPCG(seed, 99)).Perm(len(rows))
	n := min(len(rows), a.rows)
	shuffled := make([][]float64, n)
	for i := range shuffled {
		shuffled[i] = rows[order[i]]
	}
	var err error
	pick := func(lo, hi int) *bijector.Rows[float64] {
		part, e := bijector.RowsOfSlices(shuffled[lo:hi])
		err = errors.Join(err, e)
		return part
	}
	held := n / 5
	quarter := (n - held) / 4
	test, fit := pick(0, held), pick(held, n)
	valid, part := pick(held, held+quarter), pick(held+quarter, n)
	if err != nil {
		return err
	}
	dim := len(rows[0])
	zero, documented, best, bestLoss := "", "", math.NaN(), math.Inf(1)
	for _, r := range recipes[float64]() {
		if a.auto || !slices.Contains([]string{"RealNVP", "NSF", "MAF"}, r.name) {
			continue
		}
		_, loss := fitWith(ctx, r, fit, nil, test, train.Options{Seed: seed})
		zero += fmt.Sprintf("%.2f, ", loss)
		if a.zero {
			continue
		}
		for _, decay := range []float64{0.1, 1, 10, 30} {
			held, loss := fitWith(ctx, r, part, valid, test, train.Options{
				Rate: 3e-3, Schedule: train.Cosine{}, Optimizer: train.Adam{WeightDecay: decay, Decoupled: true}, Seed: seed,
				Validation: train.Tensor(valid), KeepBest: true, Epochs: min(max(20, 150_000/part.Len()), 300),
			})
			if decay == 0.1 {
				documented += fmt.Sprintf("%.2f, ", loss)
			}
			if held < bestLoss {
				best, bestLoss = loss, held
			}
		}
	}
	normal, err := gaussianLoss(ctx, fit, test)
	if err != nil {
		return err
	}
	zero, documented = strings.TrimSuffix(zero, ", "), strings.TrimSuffix(documented, ", ")
	if a.zero {
		fmt.Fprintf(s.Out, "| %s | %d, %d | %d | %s | | | %.2f | | | |\n", name, n-held, dim, seed, zero, normal)
		return ctx.Err()
	}
	start := time.Now()
	model, report, err := auto.Fit[float64](ctx, train.Tensor(fit), auto.Options{Seed: seed})
	if err != nil {
		fmt.Fprintf(s.Out, "| %s | %d, %d | %d | %v |\n", name, n-held, dim, seed, err)
		return ctx.Err()
	}
	took, validated := time.Since(start).Seconds(), ""
	if !a.auto {
		validated = fmt.Sprintf("%.2f", best)
	}
	loss, err := train.Evaluate(ctx, model, train.Tensor(test))
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "| %s | %d, %d | %d | %s | %s | %s | %.2f | %.2f | %d | %.0f |\n", name, n-held, dim, seed,
		zero, documented, validated, normal, loss, report.Members, took)
	return ctx.Err()
}

// gaussianLoss is the mean loss on test of a normal density with the moments of
// the rows.
func gaussianLoss(ctx context.Context, rows, test *bijector.Rows[float64]) (float64, error) {
	w, err := bijector.NewWhiten[float64](bijector.WhitenSpec{Dim: test.Dim(), Shrinkage: 1e-14})
	if err != nil {
		return 0, err
	}
	f, err := flow.New[float64](w, distribution.StandardNormal[float64](test.Dim()))
	if err != nil {
		return 0, err
	}
	x := bijector.NewMat[float64](rows.Dim(), rows.Len())
	for i := range x.N {
		for j, v := range rows.Row(i) {
			x.Feature(j)[i] = v
		}
	}
	w.Calibrate(x, bijector.Mat[float64]{}, true, nil)
	return train.Evaluate(ctx, f, train.Tensor(test))
}

// fitWith trains the recipe and returns its mean losses on the rows held out and on
// the test; NaN where it could not be trained.
func fitWith(ctx context.Context, r recipe[float64], rows, valid, test *bijector.Rows[float64], o train.Options) (held, loss float64) {
	nan := math.NaN()
	chain, err := r.build(rows.Dim(), 0, "", false, o.Seed)
	if err != nil {
		return nan, nan
	}
	f, err := flow.New[float64](chain, distribution.StandardNormal[float64](rows.Dim()))
	if err != nil {
		return nan, nan
	}
	if _, err := train.Fit(ctx, f, train.Tensor(rows), o); err != nil {
		return nan, nan
	}
	held = nan
	if valid != nil {
		if held, err = train.Evaluate(ctx, f, train.Tensor(valid)); err != nil {
			return nan, nan
		}
	}
	if loss, err = train.Evaluate(ctx, f, train.Tensor(test)); err != nil {
		return held, nan
	}
	return held, loss
}
