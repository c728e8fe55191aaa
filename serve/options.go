// Options: limits of requests, and what is flagged.

package serve

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/bijou-flow/bijou/bijector"
)

// Options are the limits of a Handler. The zero value is usable; each field's
// default is told with it.
type Options struct {
	// Flag is the p-value up to which a row is flagged, 0 means 0.01. A request
	// may ask for another one: "?flag=0.05".
	Flag float64
	// MaxBytes is the most bytes of a body, 0 means 1 GiB. Beyond them the
	// status is 413, as it is for the next two.
	MaxBytes int64
	// MaxRows is the most rows of a request, sent or drawn, 0 means 10,000,000.
	MaxRows int
	// MaxRowBytes is the most bytes of one row, 0 means 1 MiB.
	MaxRowBytes int
	// MaxRequests is how many requests are worked on at a time, 0 means 256;
	// others have the status 429 at once.
	MaxRequests int
	// Timeout is how long a request may take, 0 means an hour. Then it ends
	// with the status 503, or with an error behind the rows that were answered.
	Timeout time.Duration
	// Stall is how long a client may neither send nor receive anything within a
	// request, 0 means 30 s. Then it ends with the status 408.
	Stall time.Duration
	// Log gets a line for each request that ends with a status of 500 or more,
	// and for every other one at its debug level; nil: nobody.
	Log *slog.Logger
}

// complete sets the defaults, and returns ErrSpec for what cannot be.
func (o Options) complete() (Options, error) {
	if !(o.Flag >= 0 && o.Flag <= 1) || o.MaxBytes < 0 || o.MaxRows < 0 || o.MaxRowBytes < 0 || o.MaxRequests < 0 || o.Timeout < 0 || o.Stall < 0 {
		return o, fmt.Errorf("serve: the options have a flag of %v or a limit below 0, want a flag from 0 to 1, and limits of 0, for the defaults, or more: %w", o.Flag, bijector.ErrSpec)
	}
	if o.Flag == 0 {
		o.Flag = 0.01
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
	if o.MaxRows == 0 {
		o.MaxRows = 10_000_000
	}
	if o.MaxRowBytes == 0 {
		o.MaxRowBytes = 1 << 20
	}
	if o.MaxRequests == 0 {
		o.MaxRequests = 256
	}
	if o.Timeout == 0 {
		o.Timeout = time.Hour
	}
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	return o, nil
}
