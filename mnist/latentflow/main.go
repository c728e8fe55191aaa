// Command latentflow learns to draw digits: it trains an autoencoder on MNIST,
// trains a Real NVP on the embeddings that the autoencoder makes, and draws
// from it.
//
//	latentflow train -out DIR
//	latentflow sample -model FILE -n N -out FILE.png
//	latentflow score -model FILE
//	latentflow sweep -out DIR
package main

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

const usage = `latentflow learns to draw digits with a normalizing flow.

usage: latentflow COMMAND [flags]

commands:
  train    train an autoencoder and a flow on its embeddings; draw digits
  sample   draw digits from a trained model
  score    log-density of test images; the likeliest and the least likely
  sweep    depth against width: flows of many sizes on one autoencoder

A first run, about two minutes, and digits drawn by what it trained:

  latentflow train -out out
  latentflow sample -model out/model.safetensors -digit 7 -out sevens.png

"latentflow COMMAND -h" lists a command's flags. All cores are used; set
GOMAXPROCS in the environment to use fewer. The results do not depend on it.
`

// commands by name.
var commands = map[string]func(ctx context.Context, args []string, io streams) error{
	"train":  trainCommand,
	"sample": sampleCommand,
	"score":  scoreCommand,
	"sweep":  sweepCommand,
}

// streams are a command's output: results, and everything said on the way.
type streams struct{ out, log io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work cleanly; a second one kills.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr}))
}

// run is main with its surroundings as arguments; it returns the exit code: 0,
// 1 for a failure, 2 for flags that are wrong, 130 when ctx ended the work.
func run(ctx context.Context, args []string, s streams) int {
	if len(args) == 0 {
		fmt.Fprint(s.log, usage)
		return 2
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help", "help":
		fmt.Fprint(s.out, usage)
		return 0
	}
	command, ok := commands[name]
	if !ok {
		fmt.Fprintf(s.log, "latentflow: there is no command %q; want train, sample, score or sweep\n", name)
		return 2
	}
	err := command(ctx, args[1:], s)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(s.log, "latentflow %s: %v\n", name, err)
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

// usagef makes a usageError that says which flag and what it should be.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// interrupted is context.Canceled with a word on what became of the work.
type interrupted string

func (i interrupted) Error() string { return "interrupted; " + string(i) }

func (interrupted) Unwrap() error { return context.Canceled }

// newFlags is an empty set of flags. Errors of parsing are returned alone,
// without the list of all flags behind them.
func newFlags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	return f
}

// parse reads flags and refuses arguments that are none. Asked for help, it
// prints about, which is what a command does and writes, and the flags.
func parse(f *flag.FlagSet, args []string, about string, s streams) error {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(s.out, "%s\nflags:\n", about)
		f.SetOutput(s.out)
		f.PrintDefaults()
		return err
	case err == nil && f.NArg() > 0:
		err = fmt.Errorf("%q is no flag", f.Arg(0))
	}
	if err != nil {
		return usagef("%w; \"latentflow %s -h\" lists the flags", err, f.Name())
	}
	return nil
}
