// The command serve: the live page of a trained model.

package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
	"github.com/bijou-flow/bijou/mnist/latentflow/internal/page"
)

const serveAbout = `Shows a trained model on a page in the browser: digits that change while sliders
move, walks between digits, digits that you draw and what the model says of them,
and the field of digits over a plane of the latent space.

The page and all it needs come from this command, and nothing leaves the machine.
It listens on this machine alone unless -addr names another address, and prints
on standard error where. SIGINT (Ctrl-C) and SIGTERM end it with exit code 0.

Example: go run ./mnist/latentflow serve -model out/model.safetensors
`

// defaultAddr is where the page is without -addr, if that is free.
const defaultAddr = "127.0.0.1:8080"

// ending is how long requests may take to their end when the end was asked for.
const ending = 5 * time.Second

func serveCommand(ctx context.Context, args []string, s command.Streams) error {
	var model, data, addr string
	f := newFlags("serve", serveAbout)
	f.String(&model, "model", "out/model.safetensors", "`file` of a trained model")
	dataset.Flag(f, &data)
	f.String(&addr, "addr", "", "`address` to listen on, host:port; port 0 is a free one; empty: "+defaultAddr+", and a free port where that is taken")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	chosen := addr
	if chosen == "" {
		chosen = defaultAddr
	}
	network, exact, err := command.ListenOn(chosen)
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(exact)
	p, err := newPage(model, model, data, host, s)
	if err != nil {
		return err
	}
	l, err := net.Listen(network, exact)
	if addr == "" && err != nil {
		fmt.Fprintf(s.Log, "%s is taken: another port it is\n", defaultAddr)
		l, err = net.Listen(network, "127.0.0.1:0")
	}
	if err != nil {
		return fmt.Errorf("-addr %s: %w; want an address of this machine that is free", chosen, err)
	}
	command.OnInterrupt(ctx, "interrupted: the requests that have begun are answered, then it ends; once more cuts them")
	fmt.Fprintf(s.Log, "open http://%s in a browser; Ctrl-C ends\n", l.Addr())
	return serveUntil(ctx, l, p, s)
}

// newPage is the page of the model in a file, which it shows under a name, with the
// test images of -data.
func newPage(model, name, data, host string, s command.Streams) (*page.Page, error) {
	m, err := loadModel(model)
	if err != nil {
		return nil, err
	}
	_, test, err := dataset.Load(data, 0, s.Log)
	if err != nil {
		return nil, err
	}
	z, err := embed(m.Encoder(), test, m.Flow().Dim())
	if err != nil {
		return nil, err
	}
	p, err := page.New(page.Options{Model: m, Name: name, Test: test, Embeddings: z, Host: host})
	if err != nil {
		return nil, fmt.Errorf("-model %s: %w", model, err)
	}
	return p, nil
}

// serveUntil answers requests until ctx ends, and those that have begun after
// that.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler, s command.Streams) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: log.New(s.Log, "", 0),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), ending)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		server.Close()
		return fmt.Errorf("requests were not done %v after the end was asked for, and are cut", ending)
	}
	fmt.Fprintln(s.Log, "ended: all requests are answered")
	return nil
}
