// Command latentflow learns to draw digits: it trains an autoencoder on MNIST,
// trains a flow on the embeddings that the autoencoder makes, and draws
// from it.
//
//	go run ./mnist/latentflow train -out DIR
//	go run ./mnist/latentflow sample -model FILE -n N -out FILE.png
//	go run ./mnist/latentflow score -model FILE
//	go run ./mnist/latentflow classify -model FILE
//	go run ./mnist/latentflow sweep -out DIR
//	go run ./mnist/latentflow serve -model FILE
//	go run ./mnist/latentflow page -model FILE -out DIR
package main

import (
	"context"

	"github.com/bijou-flow/bijou/internal/command"
)

const usage = `Usage: go run ./mnist/latentflow COMMAND [flags]

Learns to draw digits with a normalizing flow.

Commands:
  train     train an autoencoder and a flow on its embeddings; draw digits
  sample    draw digits from a trained model
  score     log-density of test images; the likeliest and the least likely
  classify  the classes of test images by Bayes' rule; the surest mistakes
  sweep     depth against width: flows of many sizes on one autoencoder
  serve     a live page of a trained model, for a browser on this machine
  page      the same page as a folder for any web server, computed in the browser

A first run, about two minutes, and digits drawn by what it trained:

  go run ./mnist/latentflow train -out out
  go run ./mnist/latentflow sample -model out/model.safetensors -digit 7 -out sevens.png

"COMMAND -h" says what a command writes, and lists its flags. All cores are used;
set GOMAXPROCS in the environment to use fewer. The results do not depend on it.
`

// newFlags are the flags of one of the commands.
func newFlags(name, about string) *command.Flags {
	return command.NewFlags("./mnist/latentflow "+name, about)
}

// commands in the order in which they are listed.
var commands = []command.Command{
	{Name: "train", Run: trainCommand},
	{Name: "sample", Run: sampleCommand},
	{Name: "score", Run: scoreCommand},
	{Name: "classify", Run: classifyCommand},
	{Name: "sweep", Run: sweepCommand},
	{Name: "serve", Run: serveCommand},
	{Name: "page", Run: pageCommand},
}

func main() {
	command.SmallHeap()
	command.Main(run)
}

// run is main with its surroundings as arguments; it returns the exit code.
func run(ctx context.Context, args []string, s command.Streams) int {
	return command.Dispatch(ctx, "latentflow", usage, commands, args, s)
}
