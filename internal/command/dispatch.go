// Programs of several commands: the first argument names one.

package command

import (
	"context"
	"fmt"
	"strings"
)

// Command is one of a program's.
type Command struct {
	Name string
	Run  func(ctx context.Context, args []string, s Streams) error
}

// Dispatch runs the command of a program that the first argument names, and
// returns the exit code. Without one, or with one that there is not, the flags
// are wrong; asked for help, it prints the usage.
func Dispatch(ctx context.Context, program, usage string, commands []Command, args []string, s Streams) int {
	if len(args) == 0 {
		fmt.Fprint(s.Log, usage)
		return WrongFlags
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		fmt.Fprint(s.Out, usage)
		return Done
	}
	names := make([]string, len(commands))
	for i, c := range commands {
		if c.Name == args[0] {
			return Exit(program+" "+c.Name, c.Run(ctx, args[1:], s), s)
		}
		names[i] = c.Name
	}
	last := len(names) - 1
	fmt.Fprintf(s.Log, "%s: there is no command %q; want %s or %s\n", program, args[0], strings.Join(names[:last], ", "), names[last])
	return WrongFlags
}
