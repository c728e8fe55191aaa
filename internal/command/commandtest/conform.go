// What holds for every command.

package commandtest

import (
	"bytes"
	"context"
	"path"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
)

// Conforms checks what holds for every command: asked for help, it prints its
// usage on standard output, with words of its own; a wrong flag ends it with the
// code for that and one line on standard error; its example has the flags that
// it takes. run is the command, which program, below "go run", starts.
func Conforms(t *testing.T, program string, run func(context.Context, []string, command.Streams) int, words ...string) {
	t.Helper()
	do := func(args ...string) (code int, out, log string) {
		var o, l bytes.Buffer
		code = run(context.Background(), args, command.Streams{Out: &o, Log: &l})
		return code, o.String(), l.String()
	}
	// "./mnist/latentflow train" takes its flags behind "train".
	_, sub, _ := strings.Cut(program, " ")
	sub = strings.TrimSpace(sub)
	with := func(args ...string) []string { return append(strings.Fields(sub), args...) }

	code, usage, log := do(with("-h")...)
	head, about, _ := strings.Cut(usage, "\n\n")
	if code != command.Done || log != "" || head != "Usage: go run "+program+" [flags]" {
		t.Errorf("help: code %d, log %q, %q", code, log, head)
	}
	if sentence, _, ok := strings.Cut(about, "."); !ok || len(sentence) < 30 || strings.Contains(sentence, "\n\n") {
		t.Errorf("no sentence on what it does:\n%s", usage)
	}
	for _, want := range append(words, "\n\nFlags:\n  -", "\n\nExit codes: 0 done, 1 failed, 2 wrong flags, 130 interrupted.") {
		if !strings.Contains(usage, want) {
			t.Errorf("%q is missing in\n%s", want, usage)
		}
	}
	for _, args := range [][]string{{"-no-such-flag"}, {"argument"}} {
		code, out, log := do(with(args...)...)
		if want := "\"go run " + program + " -h\" lists the flags\n"; code != command.WrongFlags || out != "" || strings.Count(log, "\n") != 1 ||
			!strings.HasPrefix(log, path.Base(program)+": ") || !strings.HasSuffix(log, want) {
			t.Errorf("%q: code %d, output %q, log %q", args, code, out, log)
		}
	}
	_, example, ok := strings.Cut(usage, "\nExample: go run "+program+" ")
	example, _, _ = strings.Cut(example, "\n")
	if code, _, log := do(with(append(shellWords(example), "-h")...)...); !ok || code != command.Done {
		t.Errorf("the example %q: code %d, %s", example, code, log)
	}
}

// shellWords cuts a line as a shell does, as far as double quotes go.
func shellWords(line string) (words []string) {
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}
