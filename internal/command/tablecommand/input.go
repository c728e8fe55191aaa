// Package tablecommand is what the commands that read and write tables have in
// common, on one machine and on many: flags, words and forms of output.
package tablecommand

import (
	"strings"
	"unicode/utf8"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/table"
)

// InputFlags are flags that say how a table is written.
type InputFlags struct {
	format, comma, header, missing string
}

// Declare declares them.
func (i *InputFlags) Declare(f *command.Flags) {
	f.Choice(&i.format, "format", "auto", "`format` of the input: csv, ndjson, or auto, what it looks like", "auto", "csv", "ndjson")
	f.String(&i.comma, "comma", "", "`character` between the cells of CSV, or tab; empty: the most frequent of , ; tab | in the first line")
	f.Choice(&i.header, "header", "auto", "whether the first line of CSV names the columns: yes, no, or auto, yes unless all its cells are numbers", "auto", "yes", "no")
	f.String(&i.missing, "missing", strings.Join(table.DefaultMissing(), ","), "`texts` that mark a missing cell, beside the empty one, with commas between")
}

// Parse reads all flags of a command that has a table, and the options of its
// reader from them.
func (i *InputFlags) Parse(f *command.Flags, args []string, s command.Streams) (table.ReaderOptions, error) {
	if err := f.Parse(args, s); err != nil {
		return table.ReaderOptions{}, err
	}
	return i.Options()
}

// Options are those of a table.Reader.
func (i *InputFlags) Options() (o table.ReaderOptions, err error) {
	if i.format != "auto" {
		o.Format = table.Format(i.format)
	}
	if i.header != "auto" {
		o.Header = table.Header(i.header)
	}
	if i.comma != "" {
		if o.Comma, err = commaOf(i.comma); err != nil {
			return o, err
		}
	}
	o.Missing = []string{}
	for _, m := range strings.Split(i.missing, ",") {
		if m = strings.TrimSpace(m); m != "" {
			o.Missing = append(o.Missing, m)
		}
	}
	return o, nil
}

// commaOf is the separator that a flag names.
func commaOf(text string) (rune, error) {
	if text == "tab" || text == `\t` {
		return '\t', nil
	}
	r, size := utf8.DecodeRuneInString(text)
	if size != len(text) || r == '"' || r == '\n' || r == '\r' || r == utf8.RuneError {
		return 0, command.Usagef("-comma %q: want one character, or tab", text)
	}
	return r, nil
}
