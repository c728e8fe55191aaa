// Problems: what is wrong with a request or a row, in JSON.

package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/table"
)

// problem says what was given, what is wanted, and what to do. It is an error
// of a request, or of a row.
type problem struct {
	status int

	Code   string `json:"code"`
	Column string `json:"column,omitempty"`
	Given  string `json:"given"`
	Want   string `json:"want"`
	Do     string `json:"do"`
}

func (p *problem) Error() string {
	return fmt.Sprintf("%s: given %s, want %s; %s", p.Code, p.Given, p.Want, p.Do)
}

// appendTo writes {"error": ...}, with the number of a row unless it is 0.
func (p *problem) appendTo(dst []byte, row int) []byte {
	text, err := json.Marshal(p)
	if err != nil { // texts alone: it cannot be
		text = []byte(`{}`)
	}
	if row > 0 {
		return fmt.Appendf(dst, `{"row":%d,"error":%s}`, row, text)
	}
	return fmt.Appendf(dst, `{"error":%s}`, text)
}

// send answers a request with the problem.
func (p *problem) send(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	switch p.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.status)
	w.Write(append(p.appendTo(nil, 0), '\n'))
}

// rowProblem says what is wrong with a row.
func rowProblem(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	p = &problem{status: http.StatusUnprocessableEntity, Given: plain(err)}
	var cell *table.CellError
	switch {
	case errors.As(err, &cell):
		p.Code, p.Column, p.Given, p.Want = "cell", cell.Column, cell.Found, cell.Want
		p.Do = `change the cell, or ask with "?unknown=missing", which counts it as missing`
		if errors.Is(err, table.ErrSkipped) {
			p.Code, p.Do = "skipped", "nothing, or change the cell: the row is left out, as the column's policy says"
		}
	case errors.Is(err, table.ErrColumns):
		p.Code, p.Want, p.Do = "columns", "the columns of /v1/model", `take the key out, or ask with "?extra=true", which passes it over`
	case errors.Is(err, table.ErrInput):
		p.status, p.Code, p.Want, p.Do = http.StatusBadRequest, "json", "a JSON object of texts, numbers, true, false and null, a key a column", "mend the row"
	case errors.Is(err, bijector.ErrNonFinite):
		p.Code, p.Want, p.Do = "not_finite", "a row that the density is a number of", "look for values that are far from all that the model has seen"
	default:
		p.status, p.Code, p.Want, p.Do = http.StatusInternalServerError, "internal", "an answer", "report it with the request"
	}
	return p
}

// plain is an error's text without the package that it came from.
func plain(err error) string {
	text := strings.TrimPrefix(err.Error(), "table: ")
	for _, e := range []error{table.ErrColumns, table.ErrInput} {
		text = strings.TrimSuffix(text, ": "+e.Error())
	}
	return text
}

// requestProblem says why a request ended: its body could not be read, its time
// was over, or something within.
func requestProblem(ctx context.Context, err error, o *Options) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(context.Cause(ctx), errTooLong):
		return tooLong(o)
	case ctx.Err() != nil:
		return &problem{status: statusCanceled, Code: codeCanceled, Given: "a request whose client left", Want: "one that waits", Do: "nothing"}
	}
	return &problem{status: http.StatusInternalServerError, Code: "internal", Given: err.Error(), Want: "an answer", Do: "report it with the request"}
}

// statusCanceled is the status of a request whose client left before its
// answer, in counters alone.
const statusCanceled = 499

// codeCanceled is the code where nobody takes the answer any more.
const codeCanceled = "canceled"

// errTooLong is the cause of a request that ran out of time.
var errTooLong = errors.New("the request took too long")

func tooLong(o *Options) *problem {
	return &problem{
		status: http.StatusServiceUnavailable, Code: "too_long", Given: "a request that was not done after " + o.Timeout.String(),
		Want: "one that is", Do: "send fewer rows at a time, or raise the limit of time",
	}
}

func stalled(o *Options) *problem {
	return &problem{
		status: http.StatusRequestTimeout, Code: "stalled", Given: "a body of which nothing came for " + o.Stall.String(),
		Want: "one that comes", Do: "send it without pauses, or raise the limit of stalls",
	}
}

func tooLarge(most int64) *problem {
	return &problem{
		status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Given: fmt.Sprintf("a body of more than %d bytes", most),
		Want: fmt.Sprintf("%d bytes at most", most), Do: "send it in parts, or raise the limit of bytes",
	}
}

func tooManyRows(most int) *problem {
	return &problem{
		status: http.StatusRequestEntityTooLarge, Code: "too_many_rows", Given: fmt.Sprintf("more than %d rows", most),
		Want: fmt.Sprintf("%d at most", most), Do: "send several requests, or raise the limit of rows",
	}
}

func rowTooLong(most int) *problem {
	return &problem{
		status: http.StatusRequestEntityTooLarge, Code: "row_too_long", Given: fmt.Sprintf("a row of more than %d bytes", most),
		Want: fmt.Sprintf("%d bytes at most", most), Do: "look for a line that never ends, or a quote that is never closed; or raise the limit of a row's bytes",
	}
}

func badRequest(code, given, want, do string) *problem {
	return &problem{status: http.StatusBadRequest, Code: code, Given: given, Want: want, Do: do}
}

// impossible is the problem of given cells that do not occur together.
func impossible(err error) error {
	switch {
	case errors.Is(err, bijector.ErrDomain):
		return &problem{
			status: http.StatusUnprocessableEntity, Code: "impossible", Given: plain(err),
			Want: "given cells that occur together", Do: "give fewer of them",
		}
	case errors.Is(err, bijector.ErrSpec):
		return &problem{
			status: http.StatusNotImplemented, Code: "given", Given: plain(err), Want: "a table's density, of columns that follow each other",
			Do: `leave "given" out, or fit the table with "bijou fit" without -recipe`,
		}
	}
	return err
}
