// Arguments that are no flags, before, between and behind the flags.

package command

import (
	"fmt"
	"slices"
)

// Args are the arguments of a command that are no flags.
type Args struct {
	List     []string
	what     string // in the usage, such as "FILE"
	min, max int
}

// Args declares min to max arguments beside the flags, which the usage calls
// what. They may stand before, between and behind the flags; behind "--",
// everything is one, and "-" always is.
func (f *Flags) Args(what string, min, max int) *Args {
	f.args = &Args{what: what, min: min, max: max}
	return f.args
}

// parse reads flags, and arguments where they are declared.
func (f *Flags) parse(args []string) error {
	if f.args == nil {
		return f.set.Parse(args)
	}
	for {
		if err := f.set.Parse(args); err != nil {
			return err
		}
		// Package flag stops at the first argument that is no flag, or behind
		// "--".
		rest := f.set.Args()
		if end := len(args) - len(rest); end > 0 && args[end-1] == "--" {
			f.args.List = append(f.args.List, rest...)
			break
		}
		if len(rest) == 0 {
			break
		}
		f.args.List = append(f.args.List, rest[0])
		args = rest[1:]
	}
	if err := f.set.Parse(nil); err != nil { // no argument is left over
		return err
	}
	return f.args.check()
}

// check says whether there are too few arguments or too many.
func (a *Args) check() error {
	n := len(a.List)
	if n >= a.min && n <= a.max {
		return nil
	}
	want := fmt.Sprint(a.min)
	if a.max > a.min {
		want = fmt.Sprintf("%d to %d", a.min, a.max)
	}
	if n > a.max {
		return fmt.Errorf("%d arguments (%q), want %s: %s", n, slices.Clip(a.List), want, a.what)
	}
	return fmt.Errorf("%d arguments, want %s: %s", n, want, a.what)
}
