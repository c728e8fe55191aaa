// The end of writing: files get their names when all are there.

package bijoubeam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/bijou-flow/bijou/table"
)

// partsFn lists the files of all bundles in one more file, which a runner that goes on
// behind a bundle that failed writes too, as Prism does: it counts when the pipeline
// has ended. Where there are none it writes one without rows.
type partsFn struct {
	Write writeFn
}

func (f *partsFn) ProcessElement(ctx context.Context, _ []byte, parts func(*string) bool) error {
	var names []string
	for name := ""; parts(&name); {
		names = append(names, name)
	}
	w := &f.Write
	if len(names) == 0 {
		p, err := w.open(ctx, "empty")
		if err == nil {
			err = p.close()
		}
		if err != nil {
			return fmt.Errorf("bijoubeam: %s: %w", w.Path, err)
		}
		names = append(names, p.name)
	}
	slices.Sort(names)
	fs, err := filesystem.New(ctx, w.Path)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", w.Path, err)
	}
	defer fs.Close()
	name := unfinished(w.Path, w.Run) + listed
	if err := filesystem.Write(ctx, fs, name, []byte(strings.Join(names, "\n"))); err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", name, err)
	}
	return nil
}

// listed ends the name of the list of parts.
const listed = "parts"

// Finish, behind the end of a pipeline that did not fail, gives the files their names,
// and removes what they replace and what bundles left that were retried. One that stopped
// halfway may be called again.
func (w *Writing) Finish(ctx context.Context) (files []string, err error) {
	if w == nil {
		return nil, fmt.Errorf("bijoubeam: no table was written, want what WriteTable returns: %w", table.ErrInput)
	}
	name := unfinished(w.path, w.run) + listed
	fs, err := filesystem.New(ctx, w.path)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: %s: %w", w.path, err)
	}
	defer fs.Close()
	text, err := filesystem.Read(ctx, fs, name)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: %s: %w; has the pipeline ended, and without an error?", name, err)
	}
	if files, err = w.rename(ctx, fs, strings.Split(string(text), "\n")); err != nil {
		return nil, err
	}
	return files, w.remove(ctx, fs, files)
}

// Abandon removes what a pipeline has written that failed.
func (w *Writing) Abandon(ctx context.Context) error {
	if w == nil {
		return nil
	}
	fs, err := filesystem.New(ctx, w.path)
	if err != nil {
		return fmt.Errorf("bijoubeam: %s: %w", w.path, err)
	}
	defer fs.Close()
	return w.remove(ctx, fs, nil)
}

// rename gives the parts their names, in their order, but those that had them before.
func (w *Writing) rename(ctx context.Context, fs filesystem.Interface, parts []string) (made []string, err error) {
	for k := range parts {
		made = append(made, shardFile(w.path, k, len(parts)))
	}
	there, err := shardFiles(ctx, w.path)
	if err != nil {
		return nil, err
	}
	left, err := list(ctx, escaped(unfinished(w.path, w.run))+"*")
	if err != nil {
		return nil, err
	}
	moved := slices.IndexFunc(parts, func(name string) bool { return slices.Contains(left, name) })
	if moved < 0 {
		moved = len(parts)
	}
	for _, name := range made[:moved] {
		if !slices.Contains(there, name) {
			return nil, fmt.Errorf("bijoubeam: %s: what was written for it is gone: %w", name, table.ErrInput)
		}
	}
	foreign := slices.DeleteFunc(there, func(name string) bool { return slices.Contains(made[:moved], name) })
	if len(foreign) > 0 && !w.replace {
		return nil, existing(foreign)
	}
	for k := moved; k < len(parts); k++ {
		if err := filesystem.Rename(ctx, fs, parts[k], made[k]); err != nil {
			return nil, fmt.Errorf("bijoubeam: %s: %w", made[k], err)
		}
	}
	return made, nil
}

// remove removes what is left of the run and, where it made files, those that they
// replace. The list of parts goes last.
func (w *Writing) remove(ctx context.Context, fs filesystem.Interface, made []string) error {
	names, err := list(ctx, escaped(unfinished(w.path, w.run))+"*")
	if err != nil {
		return err
	}
	if len(made) > 0 {
		there, err := shardFiles(ctx, w.path)
		if err != nil {
			return err
		}
		names = append(slices.DeleteFunc(there, func(name string) bool { return slices.Contains(made, name) }), names...)
	}
	if len(names) == 0 {
		return nil
	}
	remover, ok := fs.(filesystem.Remover)
	if !ok {
		return fmt.Errorf("bijoubeam: %s and %d more: their file system removes no files: %w", names[0], len(names)-1, table.ErrInput)
	}
	for _, name := range names {
		if err := remover.Remove(ctx, name); err != nil {
			return fmt.Errorf("bijoubeam: %s: %w", name, err)
		}
	}
	return nil
}
