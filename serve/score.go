// Score and explain: rows in, an answer a row out.

package serve

import (
	"bufio"
	"context"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
)

// forms of a body.
const (
	formJSON   = "application/json"
	formNDJSON = "application/x-ndjson"
)

// formOf is the form of a request's body.
func formOf(r *http.Request) (string, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return "", &problem{status: http.StatusUnsupportedMediaType, Code: "encoding", Given: "the Content-Encoding " + e, Want: "a body as it is", Do: "send it unpacked"}
	}
	given := r.Header.Get("Content-Type")
	switch kind, _, _ := mime.ParseMediaType(given); kind {
	case formJSON:
		return formJSON, nil
	case formNDJSON, "application/ndjson", "application/jsonl", "application/jsonlines":
		return formNDJSON, nil
	}
	if given == "" {
		given = "none"
	}
	return "", &problem{
		status: http.StatusUnsupportedMediaType, Code: "content_type", Given: "the Content-Type " + given,
		Want: formJSON + " or " + formNDJSON, Do: "set the header: curl -H 'Content-Type: " + formJSON + "'",
	}
}

// score answers /v1/score and /v1/explain.
func (h *Handler) score(ctx context.Context, w http.ResponseWriter, r *http.Request, m *Model, columns bool) error {
	q, err := h.query(r)
	if err != nil {
		return err
	}
	form, err := formOf(r)
	if err != nil {
		return err
	}
	if r.ContentLength > h.options.MaxBytes {
		return tooLarge(h.options.MaxBytes)
	}
	rows, err := m.engine.reader(q)
	if err != nil {
		return err
	}
	defer rows.done()
	in, done := openBody(ctx, w, r, &h.options)
	defer done()
	c := &scoring{model: m, flag: q.flag, columns: columns, metrics: h.metrics}
	width := m.engine.width()
	reads := &reading{rows: rows, width: width, most: h.options.MaxRows, long: h.options.MaxRowBytes, size: min(max(blockValues/width, 1), blockRows)}
	if columns {
		reads.size = min(reads.size, 64) // their answers are long
	}
	if form == formNDJSON {
		reads.src = &lines{in: in, most: h.options.MaxRowBytes}
		return h.many(ctx, w, reads, c, form)
	}
	many, start, err := arrayOfRows(in, m.engine.kind() != kindTable)
	if err != nil {
		return err
	}
	if many {
		reads.src = &elements{in: in, most: h.options.MaxRowBytes}
		return h.many(ctx, w, reads, c, form)
	}
	return c.one(w, in, start, rows, h.options.MaxRowBytes)
}

// arrayOfRows says whether a body of JSON is an array of rows, and has then read
// its opening bracket. Otherwise start is what it has read of the row: a row
// may be an array itself, and several are then an array of arrays.
func arrayOfRows(in *bufio.Reader, ofArrays bool) (many bool, start string, err error) {
	skip := func() (byte, error) {
		for {
			b, err := in.ReadByte()
			if err == io.EOF {
				err = badRequest("json", "a body that is empty or ends early", "a row, or an array of rows, in JSON", "send one")
			}
			if err != nil {
				return 0, err
			}
			if !isSpace(b) {
				return b, in.UnreadByte()
			}
		}
	}
	b, err := skip()
	if err != nil || b != '[' {
		return false, "", err
	}
	in.Discard(1)
	if !ofArrays {
		return true, "", nil
	}
	b, err = skip()
	return b == '[' || b == ']', "[", err
}

var singles = sync.Pool{New: func() any { return new(block) }}

// one answers a body of one row.
func (c *scoring) one(w http.ResponseWriter, in *bufio.Reader, start string, rows rowReader, most int) error {
	text, err := io.ReadAll(io.MultiReader(strings.NewReader(start), io.LimitReader(in, int64(most)+1)))
	if err != nil {
		return err
	}
	if len(text) > most {
		return rowTooLong(most)
	}
	b := singles.Get().(*block)
	defer singles.Put(b)
	b.reset(-1) // no row of several
	r := reading{rows: rows, width: c.model.engine.width()}
	c.metrics.rows.Add(1)
	p := r.encode(b, text)
	var columns [][]byte
	if p == nil {
		if columns, err = c.compute(b); err != nil {
			return err
		}
		if logp := b.logp[0]; logp != logp {
			p = notFinite()
		}
	}
	if p != nil {
		c.metrics.badRows.Add(1)
		return p
	}
	var more []byte
	if columns != nil {
		more = columns[0]
	}
	out := append(c.appendScore(make([]byte, 0, 128), b.logp[0], more), '\n')
	w.Header().Set("Content-Type", formJSON)
	w.Write(out) // a client that left needs no answer
	return nil
}

// many answers rows as they come.
func (h *Handler) many(ctx context.Context, w http.ResponseWriter, r *reading, c *scoring, form string) error {
	control := http.NewResponseController(w)
	control.EnableFullDuplex() // where it is not supported, bodies are at hand
	s := &stream{ctx: ctx, w: w, control: control, array: form == formJSON, stall: h.options.Stall}
	w.Header().Set("Content-Type", form)
	return s.finish(r.each(func() { control.SetReadDeadline(time.Now()) }, func(b *block) error { return c.answer(s, b) }), &h.options)
}
