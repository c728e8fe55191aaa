package command

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestArgs: arguments before, between and behind flags.
func TestArgs(t *testing.T) {
	for _, c := range []struct {
		args []string
		list []string
		n    int
		want string
	}{
		{[]string{"a", "-n", "3"}, []string{"a"}, 3, ""},
		{[]string{"-n", "3", "a", "b"}, []string{"a", "b"}, 3, ""},
		{[]string{"a", "-n=3", "b"}, []string{"a", "b"}, 3, ""},
		{[]string{"-", "-n", "3"}, []string{"-"}, 3, ""},
		{[]string{"-n", "3", "--", "-n", "b"}, []string{"-n", "b"}, 3, ""},
		{[]string{"a", "--", "-n"}, []string{"a", "-n"}, 1, ""},
		{[]string{"-n", "3"}, nil, 3, "0 arguments, want 1 to 2: FILE ..."},
		{[]string{"a", "b", "-n", "3", "c"}, nil, 3, `3 arguments (["a" "b" "c"]), want 1 to 2: FILE ...`},
		{[]string{"a", "-m"}, nil, 1, "flag provided but not defined: -m"},
		{[]string{"a", "-n", "x"}, nil, 1, `-n "x": want a whole number`},
	} {
		f := NewFlags("./a/b", "Does something that takes arguments.")
		var n int
		f.Int(&n, "n", 1, 0, 9, "a number")
		a := f.Args("FILE ...", 1, 2)
		err := f.Parse(c.args, Streams{new(bytes.Buffer), new(bytes.Buffer)})
		switch {
		case c.want == "" && (err != nil || !slices.Equal(a.List, c.list) || n != c.n):
			t.Errorf("%q: %q, n %d, %v", c.args, a.List, n, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: %v, want %s", c.args, err, c.want)
		}
		if code := Exit("b", err, Streams{new(bytes.Buffer), new(bytes.Buffer)}); c.want != "" && code != WrongFlags {
			t.Errorf("%q: code %d", c.args, code)
		}
	}
	var usage bytes.Buffer
	f := NewFlags("./a/b", "Does something that takes arguments.")
	f.Args("FILE", 1, 1)
	if f.Parse([]string{"-h"}, Streams{&usage, new(bytes.Buffer)}); !strings.HasPrefix(usage.String(), "Usage: go run ./a/b [flags] FILE\n\n") {
		t.Error(usage.String())
	}
}
