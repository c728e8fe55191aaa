// Blocks: rows that are read while those before them are scored.

package serve

import "io"

// The most rows and values of a block.
const (
	blockRows   = 1024
	blockValues = 1 << 18
)

// block is some rows of a request. Of two blocks one is read while the other is
// answered.
type block struct {
	first    int        // the number of its first row, counted from 1
	problems []*problem // one a row; nil: the row is good
	codes    []float64  // of the good rows
	logp     []float64
	err      error // that reading ended with behind these rows; io.EOF at the end
}

// reading reads the rows of a request.
type reading struct {
	src   source
	rows  rowReader
	width int
	count int // rows so far
	most  int // of them
	size  int // rows of a block
	long  int // bytes of a row
}

// fill adds rows to a block, until it is full, or reading would wait for the
// next row.
func (r *reading) fill(b *block) {
	for len(b.problems) < r.size && (len(b.problems) == 0 || r.src.ready()) {
		text, err := r.src.next()
		var wrong *problem
		switch {
		case err == errLong:
			wrong = rowTooLong(r.long)
		case err != nil:
			b.err = err
			return
		}
		if r.count++; r.count > r.most {
			b.err = tooManyRows(r.most)
			return
		}
		if wrong == nil {
			wrong = r.encode(b, text)
		}
		b.problems = append(b.problems, wrong)
	}
}

// encode adds a row's codes to a block.
func (r *reading) encode(b *block, text []byte) *problem {
	n := len(b.codes)
	for range r.width {
		b.codes = append(b.codes, 0)
	}
	if err := r.rows.read(text, b.codes[n:]); err != nil {
		b.codes = b.codes[:n]
		return rowProblem(err)
	}
	return nil
}

// reset empties a block for the rows behind so many.
func (b *block) reset(rows int) {
	b.first, b.err = rows+1, nil
	b.problems, b.codes = b.problems[:0], b.codes[:0]
}

// each calls do for block after block, the last of which has an error, io.EOF
// at the end. The rows behind a block are read by another goroutine meanwhile,
// which has ended when each returns: stop makes its reading end early.
func (r *reading) each(stop func(), do func(*block) error) error {
	filled, free := make(chan *block), make(chan *block, 2)
	free <- new(block)
	free <- new(block)
	left, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var b *block
			select {
			case b = <-free:
			case <-left:
				return
			}
			b.reset(r.count)
			r.fill(b)
			end := b.err // the block is do's as soon as it is sent
			select {
			case filled <- b:
			case <-left:
				return
			}
			if end != nil {
				return
			}
		}
	}()
	ended := false // the goroutine ends by itself
	defer func() {
		close(left)
		if !ended {
			stop()
		}
		<-done
	}()
	for {
		b := <-filled
		ended = b.err != nil
		if err := do(b); err != nil || b.err == io.EOF {
			return err
		}
		if ended {
			return b.err
		}
		free <- b
	}
}
