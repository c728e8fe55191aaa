// Flags: what a command takes, and the usage that says so.

package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path"
)

// Flags are a command's flags. Each of its methods but Parse declares one, with
// the values that it takes; Parse refuses others and says which it wants.
type Flags struct {
	set     *flag.FlagSet
	program string // below "go run", as in "./mnist/latentflow train"
	about   string
	notes   []string // paragraphs of the usage that come with flags
	wrong   error    // a value that a flag does not take
	checks  []func() error
	force   *bool // -force, where it is declared
	args    *Args // what is no flag; nil: all are flags
}

// NewFlags are the flags of a program in this repository, given as "go run"
// takes it, with its subcommand. about says in a sentence what it does, and
// then what it writes.
func NewFlags(program, about string) *Flags {
	set := flag.NewFlagSet(path.Base(program), flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	return &Flags{set: set, program: program, about: about}
}

// Name is the command's, as its errors begin.
func (f *Flags) Name() string { return f.set.Name() }

// Parse reads flags, refuses other arguments, and checks the files that
// flags name. Asked for help, it prints the usage and returns flag.ErrHelp.
func (f *Flags) Parse(args []string, s Streams) error {
	err := f.parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.usage(s.Out)
		return err
	case f.wrong != nil:
		return f.wrong
	case err == nil && f.set.NArg() > 0:
		err = fmt.Errorf("%q is no flag", f.set.Arg(0))
	}
	if err != nil {
		return Usagef("%w; \"go run %s -h\" lists the flags", err, f.program)
	}
	for _, check := range f.checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// usage says how the command is started, what it does, and its flags.
func (f *Flags) usage(w io.Writer) {
	more := ""
	if f.args != nil {
		more = " " + f.args.what
	}
	fmt.Fprintf(w, "Usage: go run %s [flags]%s\n\n%s\n", f.program, more, f.about)
	for _, note := range f.notes {
		fmt.Fprintln(w, note)
	}
	fmt.Fprintln(w, "Flags:")
	f.set.SetOutput(w)
	f.set.PrintDefaults()
	fmt.Fprintf(w, "\n%s", exitCodes)
}

// note adds a paragraph to the usage.
func (f *Flags) note(text string) { f.notes = append(f.notes, text) }

// Bool declares a flag that is given or not.
func (f *Flags) Bool(p *bool, name, usage string) {
	f.declare(name, usage, func() string { return "" }, func(text string) string {
		switch text {
		case "true":
			*p = true
		case "false":
			*p = false
		default:
			return "want true or false"
		}
		return ""
	}).isBool = true
}

// String declares a flag for any text.
func (f *Flags) String(p *string, name, value, usage string) {
	*p = value
	f.declare(name, usage, func() string { return value }, func(text string) string { *p = text; return "" })
}

// declare adds a flag. initial is its value without the flag, "" for one that
// is not worth a word; set takes a value and says what it wants in its place.
func (f *Flags) declare(name, usage string, initial func() string, set func(text string) (want string)) *value {
	v := &value{flags: f, name: name, initial: initial, set: set}
	f.set.Var(v, name, usage)
	return v
}

// value is a flag.Value that leaves its error with Flags, where package flag
// would put its own words around it.
type value struct {
	flags   *Flags
	name    string
	initial func() string
	set     func(text string) (want string)
	isBool  bool
}

func (v *value) String() string {
	if v.initial == nil { // package flag asks a zero value
		return ""
	}
	return v.initial()
}

func (v *value) Set(text string) error {
	want := v.set(text)
	if want == "" {
		return nil
	}
	v.flags.wrong = Usagef("-%s %s: %s", v.name, plainOrQuoted(text), want)
	return v.flags.wrong
}

// IsBoolFlag says whether the flag may be given without a value.
func (v *value) IsBoolFlag() bool { return v.isBool }
