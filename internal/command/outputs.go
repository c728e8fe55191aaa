// The files of a run, in a directory: together, once it is finished, and never
// in the place of a better run's.

package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bijou-flow/bijou/internal/atomicfile"
)

// Outputs are the files that a run makes in the directory of -out.
//
// The rule for all of them: a run writes into a directory of its own below
// -out, "unfinished", or "unfinished-2" and so on beside those of other runs.
// When it is finished, its files move up into -out. A run that is interrupted
// or fails leaves them below. Where -out holds files of a finished run, Parse
// refuses to start another; with -force the files are replaced, when the new
// run is finished.
type Outputs struct {
	Dir   string // of -out
	names []string
	force *bool

	// A run that can be taken up has the directory state beside its files.
	state  string
	resume *bool

	stage string // the run's own directory; "": not made yet
}

const outputsNote = `Until a run is finished its files are in DIR/unfinished (unfinished-2 and so on
where that is taken); then they move to DIR. A run that is interrupted, by
Ctrl-C, or that fails leaves them there, and nothing in DIR has changed. Where
DIR has such files of a finished run, the command refuses to start; with -force,
the new run replaces them once it is finished.
`

// unfinished is the name of a run's own directory.
const unfinished = "unfinished"

// Outputs declares -out, a directory for files of the given names, and -force.
func (f *Flags) Outputs(usage string, names ...string) *Outputs {
	f.declareForce("replace files of a finished run in -out, once this run is finished")
	f.note(outputsNote)
	o := &Outputs{names: names, force: f.force}
	f.String(&o.Dir, "out", "out", usage)
	f.checks = append(f.checks, o.check)
	return o
}

// Resumable declares -resume for a run that keeps what it needs for that in a
// directory named state, beside its files.
func (f *Flags) Resumable(o *Outputs, state, usage string) *bool {
	o.state, o.resume = state, new(bool)
	f.Bool(o.resume, "resume", usage)
	return o.resume
}

// check refuses -out, where earlier runs' files are in the way, and finds the
// run to take up.
func (o *Outputs) check() error {
	if o.Dir == "" {
		return Usagef("-out: want a directory")
	}
	if err := o.free(); err != nil {
		return err
	}
	if o.state == "" {
		return nil
	}
	switch earlier, err := o.resumable(); {
	case err != nil:
		return err
	case *o.resume:
		o.stage = earlier
	case earlier != "" && !*o.force:
		return fmt.Errorf("-out %s: %s has a run that was interrupted; -resume goes on from there, -force starts anew and leaves it", o.Dir, earlier)
	}
	return nil
}

// free says which files are in the way.
func (o *Outputs) free() error {
	var there []string
	for _, name := range o.names {
		switch info, err := os.Lstat(filepath.Join(o.Dir, name)); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("-out: %w; want a directory", err)
		case info.IsDir():
			return fmt.Errorf("-out %s: %s is a directory, and a file of the run has that name", o.Dir, filepath.Join(o.Dir, name))
		default:
			there = append(there, name)
		}
	}
	if len(there) == 0 || *o.force {
		return nil
	}
	return fmt.Errorf("-out %s: %s of an earlier run would be replaced; -force does so when this run is finished, another -out keeps both", o.Dir, strings.Join(there, ", "))
}

// number is that of a run's own directory by its name: 1 for "unfinished", n for
// "unfinished-n".
func number(name string) (n int, ok bool) {
	if name == unfinished {
		return 1, true
	}
	digits, ok := strings.CutPrefix(name, unfinished+"-")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 1 && strconv.Itoa(n) == digits
}

// stages are the numbers of runs' own directories, and the newest that has a
// state.
func (o *Outputs) stages() (last int, resumable string, err error) {
	entries, err := os.ReadDir(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", nil
	}
	newest := 0
	for _, e := range entries {
		n, ok := number(e.Name())
		if !ok {
			continue
		}
		last = max(last, n)
		if o.state == "" || n < newest {
			continue
		}
		if inside, err := os.ReadDir(filepath.Join(o.Dir, e.Name(), o.state)); err == nil && len(inside) > 0 {
			newest, resumable = n, filepath.Join(o.Dir, e.Name())
		}
	}
	return last, resumable, err
}

func (o *Outputs) resumable() (string, error) {
	_, stage, err := o.stages()
	if err != nil {
		return "", fmt.Errorf("-out: %w", err)
	}
	return stage, nil
}

// Prepare makes -out, and makes sure that files can be written there. It is to
// be called when all is known to be right that can be known, and before work.
func (o *Outputs) Prepare() error {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("-out: %w; want a directory that can be made and written to", err)
	}
	if err := writable(o.Dir); err != nil {
		return fmt.Errorf("-out: %w; want a directory that can be written to", err)
	}
	return nil
}

// Stage is the run's own directory, made if need be: where its files are to be
// written.
func (o *Outputs) Stage() (string, error) {
	if o.stage != "" {
		return o.stage, nil
	}
	last, _, err := o.stages()
	for n := last + 1; err == nil; n++ {
		name := unfinished
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		dir := filepath.Join(o.Dir, name)
		if err = os.Mkdir(dir, 0o755); err == nil {
			o.stage = dir
			return dir, nil
		}
		if errors.Is(err, fs.ErrExist) { // another process was first
			err = nil
		}
	}
	return "", fmt.Errorf("-out: %w", err)
}

// Finish moves the run's files up into -out.
func (o *Outputs) Finish() error {
	if err := o.free(); err != nil { // made while the run was at work
		return fmt.Errorf("%w; what was made is in %s", err, o.stage)
	}
	for _, name := range o.names {
		err := os.Rename(filepath.Join(o.stage, name), filepath.Join(o.Dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("-out: %w; what was made is in %s", err, o.stage)
		}
	}
	if o.state != "" {
		if err := os.RemoveAll(filepath.Join(o.stage, o.state)); err != nil {
			return fmt.Errorf("-out: %w", err)
		}
	}
	if err := (atomicfile.System{}).SyncDir(o.Dir); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	os.Remove(o.stage) // which stays where somebody has put something else there
	o.stage = o.Dir
	return nil
}

// List prints the paths of the files.
func (o *Outputs) List(w io.Writer) {
	for _, name := range o.names {
		if path := filepath.Join(o.stage, name); exists(path) {
			fmt.Fprintln(w, path)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Close removes the run's own directory, if nothing was written there.
func (o *Outputs) Close() {
	if o.stage == "" || o.stage == o.Dir {
		return
	}
	if o.state != "" {
		os.Remove(filepath.Join(o.stage, o.state))
	}
	os.Remove(o.stage)
}
