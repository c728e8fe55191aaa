// Answers: log-densities, p-values and flags in JSON.

package serve

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// appendNumber writes a number in the fewest digits that read back as it; null
// where it is not finite.
func appendNumber(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// appendText writes a text in JSON.
func appendText(dst []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // a text: it cannot be
		quoted = []byte(`""`)
	}
	return append(dst, quoted...)
}

// scoring is how the rows of a request are answered.
type scoring struct {
	model   *Model
	flag    float64
	columns bool // those of each row are explained
	metrics *metrics
}

// appendScore writes the answer of a row, columns behind it where there are any.
func (s *scoring) appendScore(dst []byte, logp float64, columns []byte) []byte {
	p := s.model.engine.pValue(logp)
	dst = append(dst, `{"log_density":`...)
	dst = appendNumber(dst, logp)
	dst = append(dst, `,"p_value":`...)
	dst = appendNumber(dst, p)
	if flagged := p <= s.flag; flagged {
		s.metrics.flagged.Add(1)
		dst = append(dst, `,"flag":true`...)
	} else {
		dst = append(dst, `,"flag":false`...)
	}
	if columns != nil {
		dst = append(dst, `,"columns":`...)
		dst = append(dst, columns...)
	}
	return append(dst, '}')
}

// notFinite is the problem of a row whose log-density is no number.
func notFinite() *problem {
	return &problem{
		status: http.StatusUnprocessableEntity, Code: "not_finite", Given: "a row whose log-density is not a number",
		Want: "values that the model can compute with", Do: "look for values that are far from all that the model has seen",
	}
}

// compute sets the log-densities of a block, and its columns where they are
// wanted.
func (s *scoring) compute(b *block) (columns [][]byte, err error) {
	e := s.model.engine
	n := len(b.codes) / e.width()
	if n == 0 {
		return nil, nil
	}
	if cap(b.logp) < n {
		b.logp = make([]float64, n, blockRows)
	}
	b.logp = b.logp[:n]
	logp, codes := b.logp, b.codes
	if n == 1 && b.first > 0 {
		// A row alone is computed another way, with other last digits. Among many
		// its answer is not to depend on when it came: it has a twin.
		codes = append(codes, codes...)
		logp = append(logp, 0)
	}
	if err := e.logProb(logp, codes); err != nil && !isRowError(err) {
		return nil, err
	}
	copy(b.logp, logp)
	if s.columns {
		return e.explain(b.codes)
	}
	return nil, nil
}

// stream writes the answers of many rows: lines, or the elements of an array.
type stream struct {
	ctx     context.Context
	w       http.ResponseWriter
	control *http.ResponseController
	array   bool
	stall   time.Duration
	out     []byte
	written bool // something is on its way, so that the status is 200
	rows    int
}

// begin is called in front of each answer.
func (s *stream) begin() {
	switch {
	case !s.array:
	case s.rows == 0:
		s.out = append(s.out, '[')
	default:
		s.out = append(s.out, ',', '\n')
	}
	s.rows++
}

// end is called behind each answer.
func (s *stream) end() {
	if !s.array {
		s.out = append(s.out, '\n')
	}
}

// flush sends what was written.
func (s *stream) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	until := time.Now().Add(s.stall)
	if end, ok := s.ctx.Deadline(); ok && end.Before(until) {
		until = end.Add(time.Second) // for the last words
	}
	s.control.SetWriteDeadline(until)
	s.written = true
	_, err := s.w.Write(s.out)
	s.out = s.out[:0]
	if err == nil {
		err = s.control.Flush()
	}
	if err != nil {
		return &problem{status: statusCanceled, Code: codeCanceled, Given: "a client that takes no answer (" + err.Error() + ")", Want: "one that reads while it sends", Do: "read the answer while the body is sent"}
	}
	return nil
}

// finish ends the answer of a request that ended with err, nil where all is
// answered. A problem that comes before anything is on its way is returned, to be
// sent with its status; one behind rows is their last line.
func (s *stream) finish(err error, o *Options) error {
	if err == nil {
		s.close(nil)
		return nil
	}
	p := requestProblem(s.ctx, err, o)
	if s.written || len(s.out) > 0 {
		s.close(p)
		return &answered{p}
	}
	s.control.SetWriteDeadline(time.Time{})
	return p
}

// close ends the answer, with a problem if there is one.
func (s *stream) close(p *problem) {
	if p != nil {
		s.begin()
		s.out = p.appendTo(s.out, 0)
		s.end()
	}
	if s.array {
		if s.rows == 0 {
			s.out = append(s.out, '[')
		}
		s.out = append(s.out, ']', '\n')
	}
	if p == nil || p.Code != codeCanceled { // one whose body was cut short may still listen
		s.flush()
	}
	s.control.SetWriteDeadline(time.Time{})
}

// answer writes the answers of a block.
func (c *scoring) answer(s *stream, b *block) error {
	columns, err := c.compute(b)
	if err != nil {
		return err
	}
	good := 0
	for i, p := range b.problems {
		s.begin()
		if p == nil {
			if logp := b.logp[good]; logp == logp {
				var more []byte
				if columns != nil {
					more = columns[good]
				}
				s.out = c.appendScore(s.out, logp, more)
			} else {
				p = notFinite()
			}
			good++
		}
		if p != nil {
			c.metrics.badRows.Add(1)
			s.out = p.appendTo(s.out, b.first+i)
		}
		s.end()
	}
	c.metrics.rows.Add(int64(len(b.problems)))
	return s.flush()
}
