// Package command is what the commands of this repository have in common:
// flags and their usage, exit codes, signals, files that no later run
// destroys, and progress, figures and curves of a training run.
//
// Results go to standard output, and the paths of the files that were written
// after them; progress and errors go to standard error.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"golang.org/x/term"
)

// Exit codes of every command.
const (
	Done        = 0   // all was done, or the usage was asked for
	Failed      = 1   // something went wrong; the last line on standard error says what
	WrongFlags  = 2   // the flags are wrong, and nothing was done
	Interrupted = 130 // SIGINT (Ctrl-C) or SIGTERM ended the work
)

// exitCodes tells the reader of a usage about them.
const exitCodes = `Exit codes: 0 done, 1 failed, 2 wrong flags, 130 interrupted. ("go run" prints
such a code and exits with 1.)
`

// Streams are a command's output: results, and everything said on the way.
type Streams struct{ Out, Log io.Writer }

// Main runs a command on the process's arguments and streams, and exits.
func Main(run func(ctx context.Context, args []string, s Streams) int) {
	text := new(atomic.Pointer[string])
	ctx, stop := signal.NotifyContext(context.WithValue(context.Background(), interruptKey{}, text), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work cleanly; a second one kills.
	context.AfterFunc(ctx, func() {
		stop()
		fmt.Fprint(os.Stderr, interruptedText(text.Load(), term.IsTerminal(int(os.Stderr.Fd()))))
	})
	out := &checked{w: os.Stdout}
	code := run(ctx, os.Args[1:], Streams{out, os.Stderr})
	if code == Done {
		code = Exit(filepath.Base(os.Args[0]), out.err, Streams{out, os.Stderr})
	}
	os.Exit(code)
}

// SmallHeap has garbage collected whenever the heap has grown by a tenth, and not
// when it has doubled: for a command that holds its data all along and allocates next
// to nothing beside it. GOGC in the environment goes before.
func SmallHeap() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(10)
	}
}

// interruptKey is that of the context's value for OnInterrupt.
type interruptKey struct{}

// OnInterrupt sets what the first signal is answered with, in a command that Main
// runs: for one that has nothing to save.
func OnInterrupt(ctx context.Context, text string) {
	if p, ok := ctx.Value(interruptKey{}).(*atomic.Pointer[string]); ok {
		p.Store(&text)
	}
}

// interruptedText answers the first signal at once, as the end of the work may
// take its time. A terminal has "^C" in the line.
func interruptedText(of *string, terminal bool) string {
	text := "interrupted: ending in good order, which saves what there is to save; once more ends at once and saves nothing\n"
	if of != nil {
		text = *of + "\n"
	}
	if terminal {
		text = "\n" + text
	}
	return text
}

// checked remembers the first error of writing, which printing drops: results
// that were lost on a full disk are a failure.
type checked struct {
	w   io.Writer
	err error
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// Exit says what became of a command and returns its exit code.
func Exit(name string, err error, s Streams) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return Done
	}
	var told Interruption
	interrupted := errors.Is(err, context.Canceled)
	if interrupted && !errors.As(err, &told) {
		err = Interruption("nothing is written")
	}
	fmt.Fprintf(s.Log, "%s: %v\n", name, err)
	var wrong usageError
	switch {
	case interrupted:
		return Interrupted
	case errors.As(err, &wrong):
		return WrongFlags
	}
	return Failed
}

// usageError: the flags are wrong.
type usageError struct{ error }

// Usagef makes a usageError that says which flag and what it should be.
func Usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Interruption is context.Canceled with a word on what became of the work.
type Interruption string

func (i Interruption) Error() string { return "interrupted; " + string(i) }

func (Interruption) Unwrap() error { return context.Canceled }

// Early says where the work is that err ended early, if it did.
func Early(err error, where string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return Interruption(where)
	}
	return fmt.Errorf("%w; %s", err, where)
}
