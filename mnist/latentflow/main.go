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

"latentflow COMMAND -h" lists a command's flags.
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

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	if len(args) == 0 || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help" {
		fmt.Fprint(s.out, usage)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(s.log, "latentflow: there is no command %q\n\n%s", args[0], usage)
		return 2
	}
	err := command(ctx, args[1:], s)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintf(s.log, "latentflow %s: %v\n", args[0], err)
	if errors.Is(err, context.Canceled) {
		return 130
	}
	return 1
}

// errUsage: the flags were wrong, and the user has been told.
var errUsage = errors.New("usage")

// parse reads flags and refuses arguments that are none.
func parse(f *flag.FlagSet, args []string, s streams) error {
	f.SetOutput(s.log)
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag package has printed the reason
	}
	if f.NArg() > 0 {
		fmt.Fprintf(s.log, "latentflow %s: %q is no flag; %q lists them\n", f.Name(), f.Arg(0), "latentflow "+f.Name()+" -h")
		return errUsage
	}
	return nil
}
