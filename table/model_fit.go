// Fitting a model to the rows of a table.

package table

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"

	"github.com/bijou-flow/bijou/autoregressive"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/train"
)

// FitOptions say how a model is fitted. The zero value suits most tables.
type FitOptions struct {
	Hidden int // width of the networks; 0: by the size of the table
	Blocks int // residual blocks; 0 means 2
	Bins   int // of splines; 0 means 8
	// Members is how many models are averaged, each with an order of the columns and with
	// validation rows of its own; 0 means 5 for a table of at most 2,000 rows and 60,000
	// cells without Trim, and 1 for others.
	Members int
	// First are columns that come first in every order, as they stand: draws given
	// these are exact. The others follow, those of few values first and numbers without
	// atoms last; of up to 20,000 rows numbers with atoms come last where that is
	// better on the validation rows. Members after the first one have random orders.
	First []string

	Epochs int // at most; 0: by the number of rows
	Batch  int // rows a step; 0: by the number of rows
	// Patience is after how many epochs without progress on the validation rows
	// a fit ends; 0 means 12.
	Patience    int
	Rate        float64 // learning rate; 0 means 3e-3
	WeightDecay float64 // of AdamW; 0: by the number of rows, below 0: none

	// Validation and Calibration are the shares of rows that are held out to
	// end training and to calibrate p-values; 0 means a tenth each, and at most
	// 20,000 rows, below 0 none.
	Validation, Calibration float64

	// Trim is the share of the rows, the least likely ones, that are left out: a first
	// fit ranks the rows, a second is fitted to the others. It is for rows that hold
	// anomalies which the density should not follow; below 0.5. P-values then
	// compare with rows that are left.
	Trim float64

	Seed       uint64           // of all that is drawn
	Workers    int              // cores; 0: all. The result does not depend on it
	Observer   train.Observer   // nil: none; a RunObserver hears of each training run, too
	Checkpoint train.Checkpoint // of each member, in a directory of its own

	ranking bool // the first fit of two, with Trim
}

// FitReport is what a fit did.
type FitReport struct {
	Members                       []*train.Report
	Train, Validation, Calibrated int // rows
	// Held is the mean log-density of the calibration rows, in nats and in the
	// units of the data, and Contributions is by column; NaN without such rows.
	Held          float64
	Contributions []float64
	// Trimmed are the rows that FitOptions.Trim left out.
	Trimmed []int
}

const (
	// MostHeldOut bounds the rows that are held out for each purpose where no share is asked
	// for.
	MostHeldOut = 20_000
	// StartRows bounds the rows that shares and margins are estimated from.
	StartRows = 100_000
)

const (
	fewestRows   = 10
	defaultRate  = 3e-3
	fitPatience  = 12
	fitAverage   = 0.99
	fitClip      = 5
	decayRows    = 8_000      // by which the default weight decay falls
	trainedSteps = 4_000      // about as many as a fit takes at most, for few rows
	trainedRows  = 10_000_000 // about as many as it reads at most, for many
)

// Fit fits a model to encoded rows. Rows are held out to end training and to
// calibrate p-values; the rest is trained on. Where ctx ends, the model is the best so
// far, beside ctx's error. It returns ErrShape for fewer than 10 rows, and an
// ErrDomain for a row with a value that its column does not have.
func Fit[T bijector.Float](ctx context.Context, s *Schema, rows Rows, o FitOptions) (*Model[T], *FitReport, error) {
	if err := checkFit(s, rows, o); err != nil {
		return nil, nil, err
	}
	if o.Members == 0 {
		o.Members = o.defaultMembers(rows.Len(), len(s.Columns))
	}
	if o.Trim > 0 {
		return fitTrimmed[T](ctx, s, rows, o)
	}
	f, err := newFitting[T](s, rows, o)
	if err != nil {
		return nil, nil, err
	}
	return f.run(ctx)
}

// checkFit says what is wrong with a fit before it begins.
func checkFit(s *Schema, rows Rows, o FitOptions) error {
	if s == nil || nilcheck.IsNil(rows) {
		return fmt.Errorf("table: a fit without a schema or without rows: %w", bijector.ErrSpec)
	}
	if err := s.Validate(); err != nil {
		return err
	}
	n, d := rows.Len(), len(s.Columns)
	if n < fewestRows || d < 1 {
		return fmt.Errorf("table: a fit to %d rows of %d columns, want at least %d rows and one column: %w", n, d, fewestRows, bijector.ErrShape)
	}
	if o.Members < 0 || o.Epochs < 0 || o.Batch < 0 || o.Patience < 0 || o.Validation >= 1 || o.Calibration >= 1 || o.Validation+o.Calibration >= 1 || math.IsNaN(o.Rate+o.WeightDecay+o.Validation+o.Calibration) {
		return fmt.Errorf("table: a fit with %+v, want numbers that are not negative, and shares below 1: %w", o, bijector.ErrSpec)
	}
	if !(o.Trim >= 0 && o.Trim < 0.5) {
		return fmt.Errorf("table: a share of %v to trim, want 0 to below 0.5: %w", o.Trim, bijector.ErrSpec)
	}
	return nil
}

// fitting is a fit.
type fitting[T bijector.Float] struct {
	schema      *Schema
	rows        Rows
	o           FitOptions
	report      *FitReport
	learn, held []int // rows to learn from, and those that calibrate
	validated   int   // rows of learn that end a member's training
	columns     []autoregressive.MixedColumn
	first       []int // places of o.First
}

// newFitting holds rows out and takes what the columns are from the others; nothing is
// trained yet.
func newFitting[T bijector.Float](s *Schema, rows Rows, o FitOptions) (*fitting[T], error) {
	f := &fitting[T]{schema: s.clone(), rows: rows, o: o, report: &FitReport{Held: math.NaN()}}
	if err := f.split(rows.Len()); err != nil {
		return nil, err
	}
	return f, f.start()
}

// start estimates shares and margins from the rows that members are trained on.
func (f *fitting[T]) start() error {
	_, trained := f.fold(0)
	if f.o.Members > 1 {
		trained = f.learn
	}
	n, d := min(len(trained), StartRows), len(f.schema.Columns)
	codes := make([]float64, n*d)
	if err := f.rows.Codes(codes, trained[:n]); err != nil {
		return err
	}
	values := make([]float64, n)
	for j := range d {
		for i := range values {
			values[i] = codes[i*d+j]
		}
		takeAtoms[T](values, f.schema.atoms(j))
		f.schema.Columns[j].pruneAtoms(values)
		c, err := autoregressive.FitMixedColumn(mixedColumn(f.schema, j), values)
		if err != nil {
			return fmt.Errorf("table: column %s: %w", quoted(f.schema.Columns[j].Name), err)
		}
		f.columns = append(f.columns, c)
	}
	return nil
}

// run trains the members, and calibrates their mixture.
func (f *fitting[T]) run(ctx context.Context) (*Model[T], *FitReport, error) {
	var flows []*flow.Flow[T]
	var stopped error
	for k := range max(f.o.Members, 1) {
		one, report, err := f.trained(ctx, k)
		if report == nil {
			return nil, nil, err
		}
		f.report.Members, flows = append(f.report.Members, report), append(flows, one)
		if stopped = err; err == nil {
			continue
		}
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && k > 0 {
			return nil, f.report, err
		}
		break
	}
	density, err := flow.NewEnsemble(flow.Mixing{}, flows...)
	if err != nil {
		return nil, f.report, err
	}
	model, err := NewModel(f.schema, density, nil)
	if err == nil {
		err = f.calibrate(model)
	}
	if err != nil {
		return nil, f.report, err
	}
	return model, f.report, stopped
}

// member makes the flow of member k, of an order of the columns, before training.
func (f *fitting[T]) member(k int, order []int) (*flow.Flow[T], error) {
	d := len(f.columns)
	base, err := autoregressive.NewMixed[T](autoregressive.MixedSpec{
		Columns: f.columns, Order: autoregressive.OrderSpec{Indices: order},
		Hidden: f.hidden(), Blocks: f.o.Blocks, Bins: f.o.Bins, NoDirect: f.wide(), Seed: f.o.Seed + uint64(k),
	})
	if err != nil {
		return nil, err
	}
	same := make([]int, d)
	for j := range same {
		same[j] = j
	}
	layer, err := bijector.NewPermute[T](bijector.PermuteSpec{Dim: d, Kind: "given", Indices: same})
	if err != nil {
		return nil, err
	}
	one, err := flow.New[T](layer, base)
	if err != nil {
		return nil, err
	}
	if k == 0 { // the others are as large
		return one, f.checkSize(parameters(one))
	}
	return one, nil
}

// wide tells whether connections from all values of all columns to all others would be
// too many.
func (f *fitting[T]) wide() bool {
	const most = 1 << 23
	atoms, numbers := 0.0, 0.0
	for _, c := range f.columns {
		atoms += float64(len(c.Atoms))
		if c.Continuous {
			numbers++
		}
	}
	return atoms+numbers > 0 && (atoms+numbers)*(atoms+30*numbers) > most
}

// parameters counts those of a flow.
func parameters[T bijector.Float](f *flow.Flow[T]) (n int) {
	for _, p := range f.Params() {
		n += len(p.Data)
	}
	return n
}

// hidden is the width of the networks: wider for more rows and for more columns.
func (f *fitting[T]) hidden() int {
	if f.o.Hidden != 0 {
		return f.o.Hidden
	}
	width := 64
	for width < 256 && width*width < f.report.Train {
		width *= 2
	}
	return max(width, min(2*len(f.columns), 512))
}

// Training is how a member is trained on so many rows: Epochs at most and Batch by their number,
// Rate under a train.Cosine, a train.Adam with decoupled WeightDecay, ClipNorm, Average. What
// only Fit knows, such as validation rows, is not among it. Fewer rows than 1 count as 1.
func (o FitOptions) Training(rows int) train.Options {
	n := max(rows, 1)
	batch := o.Batch
	if batch == 0 {
		batch = min(max(n/50, 32), 512)
	}
	epochs := o.Epochs
	if epochs == 0 {
		epochs = min(max(trainedSteps*batch/n, min(max(trainedRows/n, 1), 5)), 200)
	}
	decay := o.WeightDecay
	if decay == 0 {
		decay = min(1, decayRows/float64(n))
	}
	return train.Options{
		Epochs: epochs, Batch: batch, Rate: orDefault(o.Rate, defaultRate), Schedule: train.Cosine{Final: 0.01},
		Optimizer: train.Adam{WeightDecay: max(decay, 0), Decoupled: true}, ClipNorm: fitClip, Average: fitAverage,
	}
}

// trainOptions are those of a member.
func (f *fitting[T]) trainOptions(k int, valid []int) train.Options {
	o := f.o.Training(f.report.Train)
	o.Seed, o.Workers, o.Observer, o.Checkpoint = f.o.Seed+uint64(k), f.o.Workers, f.o.Observer, f.o.Checkpoint
	if len(valid) > 0 {
		o.Validation, o.Patience, o.KeepBest = f.source(valid), f.o.Patience, true
		if o.Patience == 0 {
			o.Patience = fitPatience
		}
	}
	if len(valid) == 0 {
		o.ValidationFraction = train.NoValidation
	}
	if dir := f.o.Checkpoint.Dir; dir != "" {
		o.Checkpoint.Dir = filepath.Join(dir, strconv.Itoa(k))
	}
	return o
}

func orDefault(v, instead float64) float64 {
	if v == 0 {
		return instead
	}
	return v
}
