// Problems: what is wrong with a request, in JSON.

package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// problem says what was given, what is wanted, and what to do, as package serve
// does.
type problem struct {
	status int

	Code  string `json:"code"`
	Given string `json:"given"`
	Want  string `json:"want"`
	Do    string `json:"do"`
}

func (p *problem) Error() string {
	return fmt.Sprintf("%s: given %s, want %s; %s", p.Code, p.Given, p.Want, p.Do)
}

// send answers a request with a problem.
func (p *problem) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	w.Write(append(p.text(), '\n'))
}

// text is {"error": ...}.
func (p *problem) text() []byte {
	text, err := json.Marshal(map[string]*problem{"error": p})
	if err != nil { // texts alone: it cannot be
		return []byte("{}")
	}
	return text
}

// wrong is a request whose body is not what the route takes.
func wrong(field, given, want string) error {
	return &problem{status: http.StatusBadRequest, Code: field, Given: given, Want: want, Do: "mend the request"}
}

// wrongf is wrong with a value that was given.
func wrongf(field string, given any, want string, args ...any) error {
	return wrong(field, fmt.Sprint(given), fmt.Sprintf(want, args...))
}

// problemOf says what an error is to the one who asked.
func problemOf(err error) *problem {
	var p *problem
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &tooLarge):
		return &problem{
			status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Given: fmt.Sprintf("more than %d bytes", tooLarge.Limit),
			Want: "fewer", Do: "draw with fewer points",
		}
	case errors.Is(err, context.Canceled):
		return &problem{status: statusCanceled, Code: "canceled", Given: "a request whose client left", Want: "one that waits", Do: "nothing"}
	case rowError(err):
		return &problem{
			status: http.StatusUnprocessableEntity, Code: "not_finite", Given: strings.TrimSpace(err.Error()),
			Want: "a place that the model has numbers for", Do: "go nearer to the middle",
		}
	}
	return &problem{status: http.StatusInternalServerError, Code: "internal", Given: err.Error(), Want: "an answer", Do: "report it with the request"}
}

// statusCanceled is the status of a request whose client left before its answer.
const statusCanceled = 499
