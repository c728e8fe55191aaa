// Sample: draws, with given cells if wanted.

package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
)

// sampleRequest asks for draws.
type sampleRequest struct {
	N     *int                       `json:"n"`     // nil: 1
	Seed  *uint64                    `json:"seed"`  // nil: a new one each time
	Given map[string]json.RawMessage `json:"given"` // cells that the rows have
}

// drawnRows is how many rows are drawn at a time.
const drawnRows = 2048

// draws are rows that are drawn in blocks.
type draws interface {
	// next appends n draws in JSON, with commas between.
	next(dst []byte, n int) ([]byte, error)
	// effective is how many independent draws those so far are worth.
	effective() float64
}

const sampleForm = `{"n": 10, "seed": 1, "given": {"colour": "red"}}, all of them optional`

// parseSample reads a request for up to left draws.
func parseSample(text []byte, left int) (*sampleRequest, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	r := new(sampleRequest)
	if err := d.Decode(r); err != nil {
		return nil, badRequest("json", "a request that cannot be read ("+err.Error()+")", sampleForm, "mend it")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, badRequest("json", "more than one object", sampleForm, "send one; several go as "+formNDJSON+", one a line")
	}
	if r.N == nil {
		r.N = new(int)
		*r.N = 1
	}
	if *r.N < 1 {
		return nil, badRequest("n", fmt.Sprintf("n of %d", *r.N), "1 or more", "ask for some")
	}
	if *r.N > left {
		return nil, tooManyRows(left)
	}
	if r.Seed == nil {
		r.Seed = new(uint64)
		*r.Seed = rand.Uint64N(1 << 53) // which float64 holds, and so every reader of JSON
	}
	return r, nil
}

// rng is the generator of a request's draws, that of "bijou sample".
func (r *sampleRequest) rng() *rand.Rand { return rand.New(rand.NewPCG(*r.Seed, 0x64726177)) }

// sample answers /v1/sample: one request in JSON, or one a line.
func (h *Handler) sample(ctx context.Context, w http.ResponseWriter, r *http.Request, m *Model) error {
	if r.URL.RawQuery != "" {
		return badRequest("query", r.URL.RawQuery, "no parameters", "send them in the body: "+sampleForm)
	}
	form, err := formOf(r)
	if err != nil {
		return err
	}
	in, done := openBody(ctx, w, r, &h.options)
	defer done()
	w.Header().Set("Content-Type", form)
	s := &stream{ctx: ctx, w: w, control: http.NewResponseController(w), stall: h.options.Stall}
	src := source(&lines{in: in, most: h.options.MaxRowBytes})
	if form == formJSON {
		src = &whole{in: in, most: h.options.MaxRowBytes}
	} else {
		s.control.EnableFullDuplex()
	}
	return s.finish(h.drawAll(s, m, src, form == formJSON), &h.options)
}

// whole is a body that is one request.
type whole struct {
	in   io.Reader
	most int
	read bool
}

func (b *whole) ready() bool { return true }

func (b *whole) next() ([]byte, error) {
	if b.read {
		return nil, io.EOF
	}
	b.read = true
	text, err := io.ReadAll(io.LimitReader(b.in, int64(b.most)+1))
	if err == nil && len(text) > b.most {
		err = errLong
	}
	return text, err
}

// drawAll answers one request after the other. What is wrong with the only one
// is an error.
func (h *Handler) drawAll(s *stream, m *Model, src source, only bool) error {
	left := h.options.MaxRows
	for line := 1; ; line++ {
		text, err := src.next()
		if err == io.EOF {
			return nil
		}
		var d draws
		var r *sampleRequest
		switch err {
		case nil:
			if r, err = parseSample(text, left); err == nil {
				d, err = m.engine.draws(r)
			}
		case errLong:
			err = rowTooLong(h.options.MaxRowBytes)
		default:
			return err
		}
		s.begin()
		switch {
		case err != nil && only:
			return err
		case err != nil:
			h.metrics.badRows.Add(1)
			s.out = rowProblem(err).appendTo(s.out, line)
		default:
			left -= *r.N
			if err := h.draw(s, d, r); err != nil {
				return err
			}
		}
		s.end()
		if err := s.flush(); err != nil {
			return err
		}
	}
}

// draw writes the answer of one request.
func (h *Handler) draw(s *stream, d draws, r *sampleRequest) error {
	s.out = fmt.Appendf(s.out, `{"seed":%d,"draws":[`, *r.Seed)
	for done := 0; done < *r.N; {
		n := min(*r.N-done, drawnRows)
		out, err := d.next(s.out, n)
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil && done == 0 && !s.written { // nothing is on its way
			s.out = s.out[:0]
			return err
		}
		if err != nil {
			p := requestProblem(s.ctx, err, &h.options).appendTo(nil, 0)
			s.out = append(append(s.out, "],"...), p[1:]...)
			s.end()
			s.flush()
			s.out = s.out[:0]
			return err
		}
		h.metrics.rows.Add(int64(n))
		s.out = out
		if done += n; done < *r.N {
			s.out = append(s.out, ',')
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	s.out = append(s.out, `],"effective":`...)
	s.out = appendNumber(s.out, d.effective())
	s.out = append(s.out, '}')
	return nil
}
