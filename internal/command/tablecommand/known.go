// What is known of a table's columns before it is read.

package tablecommand

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/table"
)

// SchemaFlags are flags that say what is known of the columns.
type SchemaFlags struct {
	MaxCategories           int
	file, leaveOut, unknown string
}

// Declare declares them.
func (k *SchemaFlags) Declare(f *command.Flags) {
	f.String(&k.file, "schema", "", "`file` of JSON with what is known of columns, as \"bijou schema\" writes it, whole or in part; the rest is inferred")
	f.String(&k.leaveOut, "leave-out", "", "`columns` that are left out, with commas between")
	f.Choice(&k.unknown, "unknown", "", "what becomes of a cell that its column does not take: error, missing (it counts as missing), skip (the row is left out)", "error", "missing", "skip")
	f.Int(&k.MaxCategories, "max-categories", 1000, 1, 1_000_000, "the most `values` that a category may have; a column of more is left out")
}

// Given is what is known of the columns of the given names.
func (k *SchemaFlags) Given(names []string) (*table.Schema, error) {
	given := new(table.Schema)
	if k.file != "" {
		f, err := input.Open(k.file) // which waits for no pipe's other end
		if errors.Is(err, input.ErrNotRegular) {
			return nil, fmt.Errorf("-schema %s: %w, want a file of JSON", k.file, err)
		}
		if err != nil {
			return nil, fmt.Errorf("-schema: %w", err)
		}
		defer f.Close()
		if given, err = table.ParseSchema(f); err != nil {
			return nil, fmt.Errorf("-schema %s: %w", k.file, err)
		}
	}
	for _, name := range strings.Split(k.leaveOut, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(names, name) {
			return nil, command.Usagef("-leave-out %q: want columns of the table: %s", name, strings.Join(names, ", "))
		}
		given.Columns = slices.DeleteFunc(given.Columns, func(c table.Column) bool { return c.Name == name })
		given.LeftOut = append(given.LeftOut, table.LeftOut{Name: name, Reason: "-leave-out"})
	}
	if k.unknown == "" {
		return given, nil
	}
	for _, name := range names {
		if slices.ContainsFunc(given.LeftOut, func(l table.LeftOut) bool { return l.Name == name }) {
			continue
		}
		i := given.Index(name)
		if i < 0 {
			given.Columns = append(given.Columns, table.Column{Name: name})
			i = len(given.Columns) - 1
		}
		if given.Columns[i].OnUnknown == "" {
			given.Columns[i].OnUnknown = table.Policy(k.unknown)
		}
	}
	return given, nil
}
