// Run: a Handler on a listener, until it is told to end and all is answered.

package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// RunOptions are those of Run.
type RunOptions struct {
	// Grace is how long requests are still taken after ctx has ended, while
	// /healthz says that they are not welcome and each answer closes its
	// connection: what the watchers of /healthz need to send them elsewhere. 0
	// means a second, less than 0 none.
	Grace time.Duration
	// Drain is how long requests may take to their end after that, 0 means 30 s.
	Drain time.Duration
	// Idle is how long a connection without a request is kept, 0 means two
	// minutes.
	Idle time.Duration
	// Log gets what net/http has to say; nil: nobody.
	Log *slog.Logger
}

// Run answers the connections of a listener until ctx ends, and then drains:
// see RunOptions. Every request that was read is answered, unless it takes
// longer than Drain: then connections are cut, and Run returns an error that
// wraps context.DeadlineExceeded. The listener is closed when Run returns.
func Run(ctx context.Context, l net.Listener, h *Handler, o RunOptions) error {
	if ctx == nil || nilcheck.IsNil(l) || h == nil || h.metrics == nil {
		return fmt.Errorf("serve: Run without a context, a listener or a handler: %w", bijector.ErrSpec)
	}
	if o.Grace == 0 {
		o.Grace = time.Second
	}
	if o.Drain <= 0 {
		o.Drain = 30 * time.Second
	}
	if o.Idle <= 0 {
		o.Idle = 2 * time.Minute
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	// The time of bodies and answers is the handler's business, which lets long
	// ones be as long as something moves.
	open := &connections{all: map[net.Conn]connection{}}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: o.Idle, MaxHeaderBytes: 64 << 10,
		ConnState: open.set, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	h.Drain()
	if o.Grace > 0 {
		grace := time.NewTimer(o.Grace)
		defer grace.Stop()
		select {
		case err := <-failed:
			return fmt.Errorf("serve: %w", err)
		case <-grace.C:
		}
	}
	// http.Server.Shutdown drops requests that it has read the header of and not
	// begun. So the listener alone is closed, and the server when it has nothing to do.
	l.Close()
	<-failed
	defer server.Close()
	for end := time.Now().Add(o.Drain); !open.idle(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("serve: %d requests were not done %v after the end was asked for, and are cut: %w", h.running.Load(), o.Drain, context.DeadlineExceeded)
		}
	}
	return nil
}

// connections are those that are open, by their states.
type connections struct {
	mu  sync.Mutex
	all map[net.Conn]connection
}

type connection struct {
	state http.ConnState
	since time.Time
}

// set is an http.Server's ConnState.
func (c *connections) set(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(c.all, conn)
		return
	}
	c.all[conn] = connection{state, time.Now()}
}

// silent is how long a connection may be without its first request until it
// counts as idle.
const silent = 500 * time.Millisecond

// idle says whether no connection has a request, or may have one that comes.
func (c *connections) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.all {
		if x.state == http.StateActive || x.state == http.StateNew && time.Since(x.since) < silent {
			return false
		}
	}
	return true
}
