// The state of a run as a file: what is in it, writing it and reading it.

package train

import (
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/rows"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

const (
	checkpointFormat  = "bijou checkpoint"
	checkpointVersion = "1"
)

// epochColumns are the figures of an EpochEvent in the file: loss, validation
// loss, best, bad steps, time, rows.
const epochColumns = 6

// record is the rest of a run's state beside the model, the optimiser and the
// like: numbers that the fitter holds in its own fields.
type record struct {
	counts []int64
	sums   []float64
	epochs []float64
}

// recordFields lists the integers and floats of the record, so that writing and
// reading cannot disagree on their order.
func (f *fitter[T]) recordFields() (counts []*int, sums []*float64) {
	r, at := f.report, &f.progress
	sums = []*float64{&at.sum, &at.bestLoss}
	if f.data.relative != nil {
		sums = append(sums, &at.weight)
	}
	return []*int{&at.epoch, &at.batch, &at.epochsSinceBest, &at.badInRow, &at.event.BadSteps, &at.event.Rows, &r.Steps, &r.BadSteps, &r.BestEpoch}, sums
}

// captureRecord reads the record off the fitter.
func (f *fitter[T]) captureRecord() record {
	counts, sums := f.recordFields()
	r := record{counts: []int64{int64(f.progress.event.Time), int64(f.elapsed())}}
	for _, p := range counts {
		r.counts = append(r.counts, int64(*p))
	}
	for _, p := range sums {
		r.sums = append(r.sums, *p)
	}
	for _, e := range f.report.Epochs {
		best := 0.0
		if e.Best {
			best = 1
		}
		r.epochs = append(r.epochs, e.Loss, e.Validation, best, float64(e.BadSteps), e.Time.Seconds(), float64(e.Rows))
	}
	return r
}

// restoreRecord writes a record back, once it is known to be one of this run.
func (f *fitter[T]) restoreRecord(r record) error {
	counts, sums := f.recordFields()
	for i, p := range counts {
		v := r.counts[i+2]
		if v < 0 || v > math.MaxInt32*int64(f.data.batches) {
			return fmt.Errorf("run/counts holds %d", v)
		}
		*p = int(v)
	}
	for i, p := range sums {
		*p = r.sums[i]
	}
	if f.data.relative == nil {
		f.progress.weight = float64(f.progress.event.Rows)
	}
	f.progress.event.Time, f.elapsedBefore = time.Duration(r.counts[0]), time.Duration(r.counts[1])
	f.report.Epochs, f.report.BadValidations = nil, 0
	for i := 0; i < len(r.epochs); i += epochColumns {
		v := r.epochs[i:]
		f.report.Epochs = append(f.report.Epochs, EpochEvent{
			Epoch: i/epochColumns + 1, Epochs: f.o.Epochs, Loss: v[0], Validation: v[1], Best: v[2] == 1,
			BadSteps: int(v[3]), Time: time.Duration(v[4] * float64(time.Second)), Rows: int(v[5]),
			BadValidation: f.o.Validation != nil && !rows.IsFinite(v[1]),
		})
		if f.report.Epochs[i/epochColumns].BadValidation {
			f.report.BadValidations++
		}
	}
	at, n := f.progress.position, len(f.report.Epochs)
	switch {
	case at.epoch != n+1, at.batch > f.data.batches, f.report.BestEpoch > n,
		f.report.Steps+f.report.BadSteps != f.stepsDone():
		return fmt.Errorf("the counts contradict each other: epoch %d, batch %d, %d epochs, %d and %d steps", at.epoch, at.batch, n, f.report.Steps, f.report.BadSteps)
	case at.epoch > f.o.Epochs+1, at.epoch == f.o.Epochs+1 && at.batch > 0:
		return fmt.Errorf("it has gone through %d epochs, and this run has %d: %w", n, f.o.Epochs, ErrResume)
	}
	return nil
}

// items names all arrays of a checkpoint, aliasing those of the run: the
// file's contents when it is written, and where they go when it is read.
func (f *fitter[T]) items(r record, best bool) []safetensors.Item {
	items := []safetensors.Item{
		{Name: "run/counts", Shape: []int{len(r.counts)}, Data: r.counts},
		{Name: "run/sums", Shape: []int{len(r.sums)}, Data: r.sums},
		{Name: "run/epochs", Shape: []int{len(r.epochs) / epochColumns, epochColumns}, Data: r.epochs},
	}
	add := func(prefix, name string, shape []int, data any) {
		items = append(items, safetensors.Item{Name: prefix + "/" + name, Shape: shape, Data: data})
	}
	for i, p := range f.updater.params {
		add("parameter", p.Name, p.Shape, p.Data)
		for k, slot := range f.updater.state[i] {
			add(fmt.Sprintf("optimizer%d", k), p.Name, p.Shape, slot)
		}
		add("before", p.Name, p.Shape, f.updater.previous[i])
		if a := f.updater.ema; a != nil {
			add("average", p.Name, p.Shape, a.current[i])
			add("average_before", p.Name, p.Shape, a.previous[i])
		}
		if best {
			add("best_parameter", p.Name, p.Shape, f.best.params[i])
		}
	}
	for i, b := range f.model.Buffers() {
		add("buffer", b.Name, b.Shape, b.Data)
		if best {
			add("best_buffer", b.Name, b.Shape, f.best.buffers[i])
		}
	}
	return safetensors.Layout(items)
}

// writeCheckpoint writes the state of the run.
func (f *fitter[T]) writeCheckpoint(w io.Writer) error {
	metadata := map[string]string{
		"format": checkpointFormat, "version": checkpointVersion, "rates": f.rateDigest(),
	}
	for _, s := range f.checkpoints.identity {
		metadata[s.name] = s.value
	}
	state, err := sourceState(f.data.src)
	if err != nil {
		return err
	}
	if state != nil {
		metadata["source"] = hex.EncodeToString(state)
	}
	return safetensors.WriteSealed(w, f.items(f.captureRecord(), f.best.params != nil), metadata)
}

// readCheckpoint makes the run that of a checkpoint. On an error the run and
// the model are as they were.
func (f *fitter[T]) readCheckpoint(r io.Reader, size int64) error {
	h, err := safetensors.ReadHeader(r, size)
	if err != nil {
		return err
	}
	get := func(key string) string { v, _ := h.Get(key); return v }
	if v := get("format"); v != checkpointFormat {
		return &safetensors.FormatError{Field: "format", Reason: fmt.Sprintf("is %.80q, want %q", v, checkpointFormat)}
	}
	if v := get("version"); v != checkpointVersion {
		return &safetensors.FormatError{Field: "version", Reason: fmt.Sprintf("is %.20q, this library reads %q", v, checkpointVersion)}
	}
	seal, err := safetensors.NewSeal(h, r)
	if err != nil {
		return err
	}
	// Damage comes before what it makes of the settings.
	var rec record
	best := false
	epochs := 0
	for _, t := range h.Tensors {
		best = best || strings.HasPrefix(t.Name, "best_")
		if s := t.Shape(); t.Name == "run/epochs" && len(s) == 2 && s[1] == epochColumns {
			epochs = s[0]
		}
	}
	// Fewer are this run's to refuse, once they are known to be what was written.
	if most := max(f.o.Epochs, 1<<16); epochs > most {
		return fmt.Errorf("it has gone through %d epochs, and this run has %d: %w", epochs, f.o.Epochs, ErrResume)
	}
	counts, sums := f.recordFields()
	rec = record{make([]int64, len(counts)+2), make([]float64, len(sums)), make([]float64, epochs*epochColumns)}
	if best {
		f.best.take(f.model)
	}
	items := f.items(rec, best)
	read, err := readItems(h, seal, items)
	if e := compareSettings(f.checkpoints.identity, get); e != nil {
		err = e
	}
	if err != nil && h.DataSize > 2*sizeOf(items)+1<<20 {
		return err // a hole of a terabyte is not read for the sake of a checksum
	}
	if err := seal.Close(err); err != nil {
		return err
	}
	return f.restore(rec, items, read, get)
}

// readItems reads a file's tensors into arrays like those of items, which are
// to be all that the file has, and in its order.
func readItems(h *safetensors.Header, r io.Reader, items []safetensors.Item) (read []any, err error) {
	wanted := map[string]safetensors.Item{}
	for _, it := range items {
		wanted[it.Name] = it
	}
	for _, t := range h.Tensors {
		it, ok := wanted[t.Name]
		if !ok {
			return nil, fmt.Errorf("%.80q is in the checkpoint and not in this run: %w", t.Name, ErrResume)
		}
		if sameShape := slices.Equal(it.Shape, t.Shape()); !sameShape || t.DType != dtypeOf(it.Data) {
			err := ErrResume
			if !sameShape {
				err = fmt.Errorf("%w: %w", ErrResume, bijector.ErrShape)
			}
			return nil, fmt.Errorf("%q is %v of %v in the checkpoint, and %v of %v in this run: %w", t.Name, t.DType, t.Shape(), dtypeOf(it.Data), it.Shape, err)
		}
		delete(wanted, t.Name)
	}
	for _, it := range items {
		if _, missing := wanted[it.Name]; missing {
			return nil, fmt.Errorf("%q is in this run and not in the checkpoint: %w", it.Name, ErrResume)
		}
	}
	at := map[string]int{}
	for i, it := range items {
		at[it.Name] = i
	}
	read = make([]any, len(items))
	vr := &safetensors.ValueReader{R: r}
	for _, t := range h.Tensors {
		i := at[t.Name]
		switch d := items[i].Data.(type) {
		case []float32:
			v := make([]float32, len(d))
			read[i], err = v, safetensors.ReadFloats(vr, t, v)
		case []float64:
			v := make([]float64, len(d))
			read[i], err = v, safetensors.ReadFloats(vr, t, v)
		case []int64:
			v := make([]int64, len(d))
			read[i], err = v, safetensors.ReadInts(vr, t, v)
		}
		if err != nil {
			return nil, err
		}
	}
	return read, nil
}

// sizeOf is the number of bytes that items take in a file.
func sizeOf(items []safetensors.Item) (bytes int64) {
	for _, it := range items {
		bytes += int64(reflect.ValueOf(it.Data).Len()) * dtypeOf(it.Data).Size()
	}
	return bytes
}

func dtypeOf(data any) safetensors.DType {
	switch data.(type) {
	case []float32:
		return safetensors.F32
	case []float64:
		return safetensors.F64
	}
	return safetensors.I64
}

// restore puts what was read in its place, if the model accepts it.
func (f *fitter[T]) restore(rec record, items []safetensors.Item, read []any, get func(string) string) error {
	var before snapshot[T]
	before.take(f.model)
	for i, it := range items {
		reflect.Copy(reflect.ValueOf(it.Data), reflect.ValueOf(read[i]))
	}
	err := f.restoreRecord(rec)
	if err == nil && get("rates") != f.rateDigest() {
		err = fmt.Errorf("the learning rates of its %d steps are not those of this run: Rate, Schedule or Epochs differ: %w", f.stepsDone(), ErrResume)
	}
	if err == nil {
		err = f.validateModel()
	}
	if err == nil {
		err = setSourceState(f.data.src, get("source"))
	}
	if err != nil {
		before.restore(f.model)
		return err
	}
	f.updater.steps = f.report.Steps
	if a := f.updater.ema; a != nil {
		a.steps = f.report.Steps
	}
	invalidate(f.model)
	return nil
}

// validateModel asks the model about its state, the best and the present: the file may
// be hostile, and a permutation in it none.
func (f *fitter[T]) validateModel() error {
	v, ok := f.model.(bijector.Validator)
	if !ok {
		return nil
	}
	if f.best.params != nil {
		var now snapshot[T]
		now.take(f.model)
		f.best.restore(f.model)
		err := v.Validate()
		now.restore(f.model)
		if err != nil {
			return err
		}
	}
	return v.Validate()
}
