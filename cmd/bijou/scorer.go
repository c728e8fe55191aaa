// Scoring, a block of rows at a time.

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/internal/tables"
	"github.com/bijou-flow/bijou/table"
)

// scorer scores the rows of a reader.
type scorer struct {
	model  *table.Model[float32]
	schema *table.Schema
	bound  *table.Binding
	in     *table.Reader
	path   string // of the input
	alpha  float64
	names  []string // of the columns that are appended
	log    command.Streams
	to     table.ReaderOptions // the form of the output

	out   *table.Writer
	lines *bufio.Writer // NDJSON that stays NDJSON: lines as they are, and more
	codes []float64
	cells []string // or lines
	logp  []float64

	rejects    *table.Writer
	rejectFile *os.File

	rows, flagged, skipped int
}

// run scores block after block.
func (c *scorer) run(ctx context.Context, w io.Writer) error {
	names := append(c.in.Columns(), c.names...)
	if c.to.Format == table.NDJSON && c.in.Options().Format == table.NDJSON {
		c.lines = bufio.NewWriterSize(w, 1<<16)
	} else {
		var err error
		if c.out, err = table.NewWriter(w, names, c.schema, c.to); err != nil {
			return err
		}
		c.out.Literal(len(names) - len(c.names))
	}
	row := make([]float64, len(c.schema.Columns))
	count := newCounter("scoring", c.log)
	for n := 0; ; {
		err := c.bound.Read(c.in, row)
		switch {
		case err == io.EOF:
			return errors.Join(c.flush(n), c.finish())
		case errors.Is(err, table.ErrSkipped):
			if err := c.reject(err); err != nil {
				return err
			}
			continue
		case err != nil:
			return at(c.path, err)
		}
		c.codes = append(c.codes, row...)
		if c.lines != nil {
			c.cells = append(c.cells, string(c.in.Text()))
		} else {
			c.cells = append(c.cells, c.in.Raw()...)
		}
		if n++; n == block {
			if err := errors.Join(ctx.Err(), c.flush(n)); err != nil {
				return err
			}
			count.at(c.rows)
			n = 0
		}
	}
}

// flush scores n rows and writes them.
func (c *scorer) flush(n int) error {
	if n == 0 {
		return nil
	}
	var err error
	if c.logp, err = c.model.LogProb(c.codes); err != nil {
		return at(c.path, err)
	}
	p, surprises := c.model.PValues(c.logp), []float64(nil)
	if len(c.names) > len(scored) {
		if surprises, err = c.model.Surprise(c.codes); err != nil {
			return at(c.path, err)
		}
		p = c.model.SurprisePValues(surprises)
	}
	width := len(c.cells) / n
	for i, v := range c.logp {
		flag := p[i] <= c.alpha
		if c.rows++; flag {
			c.flagged++
		}
		more := []string{tables.Density(v, c.to.Format)}
		if surprises != nil {
			more = append(more, tables.Density(surprises[i], c.to.Format))
		}
		more = append(more, tables.PValue(p[i]), strconv.FormatBool(flag))
		if err := c.write(c.cells[i*width:(i+1)*width], more); err != nil {
			return err
		}
	}
	c.codes, c.cells = c.codes[:0], c.cells[:0]
	return nil
}

// write writes a row with its score.
func (c *scorer) write(cells, more []string) error {
	if c.lines == nil {
		return c.out.Write(append(slices.Clone(cells), more...))
	}
	_, err := c.lines.WriteString(tables.AppendJSON(cells[0], c.names, more) + "\n")
	return err
}

func (c *scorer) finish() error {
	if c.lines != nil {
		return c.lines.Flush()
	}
	return c.out.Close()
}

// startRejects makes a place for rows that are left out.
func (c *scorer) startRejects(path string) (err error) {
	if path == "" {
		return nil
	}
	if c.rejectFile, err = temporary(); err != nil {
		return err
	}
	c.rejects, err = table.NewWriter(c.rejectFile, append(c.in.Columns(), "reason"), c.schema, tablecommand.OutputFormat(path, c.in.Options()))
	return err
}

// reject keeps a row that is left out.
func (c *scorer) reject(why error) error {
	c.skipped++
	if c.rejects == nil {
		return nil
	}
	var e *table.CellError
	if errors.As(why, &e) {
		why = e
	}
	return c.rejects.Write(append(slices.Clone(c.in.Raw()), strings.TrimPrefix(why.Error(), "table: ")))
}

// writeRejects writes them to their file.
func (c *scorer) writeRejects(out *command.File, s, log command.Streams) error {
	if c.rejects == nil {
		return nil
	}
	if err := c.rejects.Close(); err != nil {
		return err
	}
	if _, err := c.rejectFile.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return writeOut(out, s, log, func(w io.Writer) error {
		return tablecommand.Packed(out.Path, w, func(w io.Writer) error {
			_, err := io.Copy(w, c.rejectFile)
			return err
		})
	})
}

func (c *scorer) closeRejects() {
	if c.rejectFile != nil {
		discard(c.rejectFile)
	}
}
