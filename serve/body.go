// Bodies: the bytes of a request as they come, within its limits.

package serve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// body reads a request's body. A client that stalls, and one that sends too
// much, end it.
type body struct {
	ctx      context.Context
	in       io.Reader
	control  *http.ResponseController
	options  *Options
	read     int64
	deadline time.Time // that was set latest
}

func newBody(ctx context.Context, w http.ResponseWriter, r *http.Request, o *Options) *body {
	in := io.Reader(http.NoBody)
	if r.Body != nil { // a server's requests have one, others may not
		in = r.Body
	}
	return &body{ctx: ctx, in: in, control: http.NewResponseController(w), options: o}
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if now := time.Now(); b.deadline.Sub(now) < b.options.Stall*7/8 {
		b.deadline = now.Add(b.options.Stall)
		until := b.deadline
		if end, ok := b.ctx.Deadline(); ok && end.Before(until) {
			until = end
		}
		b.control.SetReadDeadline(until) // where it is not supported, as in tests, nothing stalls
	}
	if left := b.options.MaxBytes - b.read; int64(len(p)) > left+1 {
		p = p[:left+1]
	}
	n, err := b.in.Read(p)
	b.read += int64(n)
	if err == io.EOF { // while the answer is made, nothing is to come
		b.control.SetReadDeadline(time.Time{})
		b.deadline = time.Time{}
	}
	if b.read > b.options.MaxBytes {
		return n, tooLarge(b.options.MaxBytes)
	}
	switch {
	case err == nil || err == io.EOF:
	case errors.Is(err, os.ErrDeadlineExceeded):
		if end, ok := b.ctx.Deadline(); ok && !time.Now().Before(end) {
			return n, tooLong(b.options)
		}
		return n, stalled(b.options)
	default:
		err = &problem{
			status: statusCanceled, Code: "cut_short", Given: "a body that ended early (" + err.Error() + ")",
			Want: "a whole one", Do: "send it again",
		}
	}
	return n, err
}

// openBody is a buffered reader of a request's body, to be closed by done.
func openBody(ctx context.Context, w http.ResponseWriter, r *http.Request, o *Options) (in *bufio.Reader, done func()) {
	in = buffered.Get().(*bufio.Reader)
	in.Reset(newBody(ctx, w, r, o))
	return in, func() {
		in.Reset(nil)
		buffered.Put(in)
	}
}

// buffered are readers for bodies that are streamed.
var buffered = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}

// source hands over the text of one row after the other, good until the next
// one; io.EOF at the end. A tooLong is of the row alone.
type source interface {
	next() ([]byte, error)
	// ready says whether the next row has come already.
	ready() bool
}

// errLong marks a row that is too long; reading goes on behind it.
var errLong = errors.New("row too long")

// lines are the rows of NDJSON.
type lines struct {
	in   *bufio.Reader
	most int // bytes of a row
	long []byte
}

func (l *lines) ready() bool {
	text, _ := l.in.Peek(l.in.Buffered())
	return bytes.IndexByte(text, '\n') >= 0
}

func (l *lines) next() ([]byte, error) {
	for {
		text, err := l.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			l.long = l.long[:0]
			for err == bufio.ErrBufferFull {
				if len(l.long) <= l.most {
					l.long = append(l.long, text...)
				}
				text, err = l.in.ReadSlice('\n')
			}
			if len(l.long) <= l.most {
				l.long = append(l.long, text...)
			}
			text = l.long
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if text = bytes.TrimSpace(text); len(text) > l.most {
			return nil, errLong
		}
		if len(text) > 0 {
			return text, nil
		}
		if err == io.EOF {
			return nil, io.EOF
		}
	}
}

// elements are the rows of a JSON array, whose opening bracket was read.
type elements struct {
	in    *bufio.Reader
	most  int // bytes of a row
	text  []byte
	begun bool
	over  bool
}

func (e *elements) ready() bool { return e.in.Buffered() > 0 }

// syntax is a problem of the array around the rows: it ends reading.
func (e *elements) syntax(given string) error {
	return badRequest("json", given, "a row, or an array of rows, in JSON", "mend the body; NDJSON, a row a line, goes as application/x-ndjson")
}

// token is the next byte that is no space.
func (e *elements) token() (byte, error) {
	for {
		b, err := e.in.ReadByte()
		if err == io.EOF {
			return 0, e.syntax("an array without an end")
		}
		if err != nil || !isSpace(b) {
			return b, err
		}
	}
}

func (e *elements) next() ([]byte, error) {
	if e.over {
		return nil, io.EOF
	}
	b, err := e.token()
	if err != nil {
		return nil, err
	}
	if e.begun && b != ']' {
		if b != ',' {
			return nil, e.syntax("an array with " + quoted([]byte{b}) + " between its elements")
		}
		if b, err = e.token(); err != nil {
			return nil, err
		}
		if b == ']' {
			return nil, e.syntax("an array with a comma before its end")
		}
	}
	if b == ']' {
		e.over = true
		return nil, atEnd(e.in, e.syntax)
	}
	e.begun = true
	return e.element(b)
}

// element reads on behind the first byte of an element, to its end.
func (e *elements) element(b byte) ([]byte, error) {
	e.text = e.text[:0]
	depth, text, escaped := 0, false, false
	for {
		if len(e.text) <= e.most {
			e.text = append(e.text, b)
		}
		switch {
		case escaped:
			escaped = false
		case text:
			escaped, text = b == '\\', b != '"'
		case b == '"':
			text = true
		case b == '{' || b == '[':
			depth++
		case b == '}' || b == ']':
			depth--
		}
		if depth == 0 && !text {
			if b == '}' || b == ']' || b == '"' {
				break
			}
			// A number or a word ends before what cannot be part of it.
			next, err := e.in.Peek(1)
			if err != nil || isSpace(next[0]) || next[0] == ',' || next[0] == ']' {
				break
			}
		}
		var err error
		if b, err = e.in.ReadByte(); err == io.EOF {
			return nil, e.syntax("an array without an end")
		} else if err != nil {
			return nil, err
		}
	}
	if len(e.text) > e.most {
		return nil, errLong
	}
	return e.text, nil
}

// atEnd is io.EOF where nothing but spaces is left.
func atEnd(in *bufio.Reader, syntax func(string) error) error {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return err
		}
		if !isSpace(b) {
			return syntax(quoted([]byte{b}) + " behind the end")
		}
	}
}
