// The command serve: a model behind HTTP.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/serve"
)

const serveAbout = `Answers HTTP requests by a model: scores of rows, draws, and the columns that make
rows unlikely. docs/serve.md has the routes, with examples.

It listens on this machine alone unless -addr names another address; a port
alone, as in :9000, is one of this machine. It says on standard error where it
listens, and what happens to its model: nothing goes to standard output.

A new file in the model's place is loaded when it is noticed, and on SIGHUP;
requests that have begun are answered by the model they began with. One that
cannot be loaded, or has other columns, leaves the old model where it is, and is
told here and by /v1/model and /metrics; -other-columns takes other columns, too.

SIGTERM and SIGINT end it: requests are taken for -grace more, while /healthz
says that they are not welcome, and those that have begun are answered. Then it
exits with 0, or with 1 where some took longer than -drain. A second signal ends
it at once.

Example: go run ./cmd/bijou serve model.safetensors -addr 127.0.0.1:8080
`

// serveFlags are the limits that the flags set.
type serveFlags struct {
	bytes, rows, rowBytes, requests, seconds, stall, grace, drain, watch int
}

func (l *serveFlags) declare(f *command.Flags) {
	f.Int(&l.bytes, "max-megabytes", 1024, 1, 1_000_000, "most `MB` of a request's body")
	f.Int(&l.rows, "max-rows", 10_000_000, 1, command.Most, "most `rows` of a request, sent or drawn")
	f.Int(&l.rowBytes, "max-row-kilobytes", 1024, 1, 1_000_000, "most `kB` of a row")
	f.Int(&l.requests, "max-requests", 256, 1, 1_000_000, "most `requests` that are worked on at a time; others are told to come again")
	f.Int(&l.seconds, "timeout", 3600, 1, 1_000_000, "most `seconds` of a request")
	f.Int(&l.stall, "stall", 30, 1, 1_000_000, "most `seconds` in which a client neither sends nor receives anything within a request")
	f.Int(&l.grace, "grace", 1, 0, 3600, "`seconds` in which requests are still taken when the end was asked for")
	f.Int(&l.drain, "drain", 30, 1, 1_000_000, "most `seconds` that requests may then take to their end")
	f.Int(&l.watch, "watch", 2, 0, 3600, "`seconds` between two looks at the model's file; 0: none, SIGHUP alone loads it again")
}

func serveCommand(ctx context.Context, args []string, s command.Streams) error {
	var addr string
	var flag float64
	var other bool
	var limits serveFlags
	f := newFlags("serve", serveAbout)
	list := f.Args("MODEL", 1, 1)
	f.String(&addr, "addr", "127.0.0.1:8080", "`address` to listen on, host:port; port 0 is a free one")
	f.Positive(&flag, "flag", 0.01, 1, "flag rows with a p-value up to this one")
	f.Bool(&other, "other-columns", "let a model of other columns take the place of the one that is served")
	limits.declare(f)
	hush := quietFlag(f)
	if err := f.Parse(args, s); err != nil {
		return err
	}
	network, addr, err := command.ListenOn(addr)
	if err != nil {
		return err
	}
	said := slog.New(slog.NewTextHandler(hush(s).Log, nil))
	errs := slog.New(slog.NewTextHandler(s.Log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	served := &servedFile{path: list.List[0], other: other, said: said, errs: errs}
	model, err := served.load()
	if err != nil {
		return err
	}
	served.serving = model
	h, err := serve.New(model, serve.Options{
		Flag: flag, MaxBytes: int64(limits.bytes) << 20, MaxRows: limits.rows, MaxRowBytes: limits.rowBytes << 10, MaxRequests: limits.requests,
		Timeout: time.Duration(limits.seconds) * time.Second, Stall: time.Duration(limits.stall) * time.Second, Log: errs,
	})
	if err != nil {
		return err
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		return fmt.Errorf("-addr %s: %w", addr, err)
	}
	command.OnInterrupt(ctx, "interrupted: the requests that have begun are answered, then it ends; once more cuts them")
	hangup := make(chan os.Signal, 1) // heard of before anybody is told of the address
	if hangupSignal != nil {
		signal.Notify(hangup, hangupSignal)
		defer signal.Stop(hangup)
	}
	said.Info("listening", "url", "http://"+l.Addr().String(), "model", model.Name, "file", served.path)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		served.watch(ctx, h, time.Duration(limits.watch)*time.Second, hangup)
	}()
	grace := time.Duration(limits.grace) * time.Second
	if grace == 0 {
		grace = -1
	}
	err = serve.Run(ctx, l, h, serve.RunOptions{Grace: grace, Drain: time.Duration(limits.drain) * time.Second, Log: errs})
	cancel()
	<-watching
	if err == nil {
		requests, rows := h.Answered()
		said.Info("drained and ended: all requests are answered", "requests", requests, "rows", rows)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w; -drain gives them longer", err)
	}
	return err
}
