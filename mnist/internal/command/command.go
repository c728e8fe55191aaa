// Package command is what MNIST's commands have in common: flags, exit codes,
// progress of a training run, its figures and its curves.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Streams are a command's output: results, and everything said on the way.
type Streams struct{ Out, Log io.Writer }

// Main runs a command on the process's arguments and streams, and exits.
func Main(run func(ctx context.Context, args []string, s Streams) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work cleanly; a second one kills.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], Streams{os.Stdout, os.Stderr}))
}

// Exit says what became of a command and returns its exit code: 0, 1 for a
// failure, 2 for flags that are wrong, 130 when the user ended the work.
func Exit(name string, err error, s Streams) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(s.Log, "%s: %v\n", name, err)
	var wrong usageError
	switch {
	case errors.Is(err, context.Canceled):
		return 130
	case errors.As(err, &wrong):
		return 2
	}
	return 1
}

// usageError: the flags are wrong.
type usageError struct{ error }

// Usagef makes a usageError that says which flag and what it should be.
func Usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Interrupted is context.Canceled with a word on what became of the work.
type Interrupted string

func (i Interrupted) Error() string { return "interrupted; " + string(i) }

func (Interrupted) Unwrap() error { return context.Canceled }

// NewFlags is an empty set of flags for the command of a name. Errors of
// parsing are returned alone, without the list of all flags behind them.
func NewFlags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	return f
}

// Parse reads flags and refuses arguments that are none. Asked for help, it
// prints about, which is what a command does and writes, and the flags.
func Parse(f *flag.FlagSet, args []string, about string, s Streams) error {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(s.Out, "%s\nflags:\n", about)
		f.SetOutput(s.Out)
		f.PrintDefaults()
		return err
	case err == nil && f.NArg() > 0:
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if err != nil {
		return Usagef("%w; \"%s -h\" lists the flags", err, f.Name())
	}
	return nil
}
