// Rows dealt out anew, so that shards are alike whatever the files are.

package bijoubeam

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/bijou-flow/bijou/table"
)

func init() {
	beam.RegisterDoFn(&dealFn{})
	beam.RegisterDoFn(&dealtFn{})
	register.Emitter2[int, Rows]()
	register.Iter1[Rows]()
}

// deal writes the rows of files to o.Deal files in dir, a row to the one that a hash of seed, file
// and row says, in the order of files and rows there. Where that was done it is not done again.
func (o FitOptions) deal(ctx context.Context, dir string, files []string) (shards []string, form table.ReaderOptions, err error) {
	form = table.ReaderOptions{Format: table.CSV, Comma: ',', Header: table.WithHeader, Missing: o.Table.Missing}
	base := strings.TrimRight(dir, "/") + "/dealt"
	for k := range o.Deal {
		shards = append(shards, shardFile(base+".csv", k, o.Deal))
	}
	deal := dealt{Files: files, Shards: o.Deal, Seed: o.Seed}
	marks, err := list(ctx, escaped(base+".done"))
	if err != nil {
		return nil, form, err
	}
	if len(marks) > 0 {
		before, err := readSealed[dealt](ctx, base+".done")
		if err == nil && (before.Shards != deal.Shards || before.Seed != deal.Seed || !slices.Equal(before.Files, files)) {
			err = fmt.Errorf("bijoubeam: %s.done is of other files, another Deal or another Seed; another directory keeps it: %w", base, ErrFit)
		}
		return shards, form, err
	}
	p := beam.NewPipeline()
	root := p.Root().Scope("bijoubeam.Deal")
	blocks := beam.ParDo(root, &dealFn{Shards: o.Deal, Seed: o.Seed, Table: o.Table}, numberedFiles(root, files))
	beam.ParDo0(root, &dealtFn{Shards: shards}, beam.GroupByKey(root, blocks))
	if err := o.Run(ctx, p); err != nil {
		return nil, form, fmt.Errorf("bijoubeam: dealing rows out: %w", err)
	}
	made, err := list(ctx, escaped(base)+"-[0-9]*-of-[0-9]*.csv")
	if err != nil {
		return nil, form, err
	}
	for _, name := range shards {
		if !slices.Contains(made, name) {
			return nil, form, fmt.Errorf("bijoubeam: no row fell to %s, of %d shards; deal fewer: %w", name, o.Deal, ErrFit)
		}
	}
	return shards, form, writeSealed(ctx, base+".done", deal)
}

// dealt is what was dealt out.
type dealt struct {
	Files  []string
	Shards int
	Seed   uint64
}

// dealFn emits the rows of a file in blocks, under the shards that they fall to.
type dealFn struct {
	Shards int
	Seed   uint64
	Table  table.ReaderOptions
}

func (f *dealFn) ProcessElement(ctx context.Context, file numbered, emit func(int, Rows)) error {
	held := make([][]Record, f.Shards)
	most := max(1, min(BatchRows, 1<<20/f.Shards)) // rows that wait
	var names []string
	err := eachRow(ctx, file.File, f.Table, func(r *table.Reader, cells []string) error {
		if names == nil {
			names = r.Columns()
		}
		to := rand.New(rand.NewPCG(f.Seed^0x6465616c, uint64(file.Part)<<40^uint64(r.Row()))).IntN(f.Shards)
		if held[to] = append(held[to], Record{Source: file.File, Row: int64(r.Row()), Names: names, Cells: slices.Clone(cells)}); len(held[to]) == most {
			emit(to, Rows{Records: held[to]})
			held[to] = nil
		}
		return nil
	})
	for to, rest := range held {
		if err == nil && len(rest) > 0 {
			emit(to, Rows{Records: rest})
		}
	}
	return err
}

// dealtFn writes the rows of a shard, in the order of their files and places there.
type dealtFn struct{ Shards []string }

func (f *dealtFn) ProcessElement(ctx context.Context, shard int, blocks func(*Rows) bool) (err error) {
	var all []Rows
	for rows := (Rows{}); blocks(&rows); rows = (Rows{}) {
		all = append(all, rows)
	}
	slices.SortFunc(all, func(a, b Rows) int {
		x, y := a.Records[0], b.Records[0]
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(x.Row, y.Row))
	})
	name := f.Shards[shard]
	fs, err := filesystem.New(ctx, name)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", name, err)
	}
	defer fs.Close()
	file, err := fs.OpenWrite(ctx, name)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", name, err)
	}
	w, err := newRowWriter(file, WriteOptions{Columns: all[0].Records[0].Names, Format: table.CSV, Comma: ','})
	for _, rows := range all {
		for _, r := range rows.Records {
			if err == nil {
				err = w.write(r)
			}
		}
	}
	if err == nil {
		err = w.close()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", name, err)
	}
	return nil
}
