package command

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
)

// TestExit: the code and the line for each way that a command ends.
func TestExit(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		log  string
	}{
		{nil, 0, ""},
		{flag.ErrHelp, 0, ""},
		{io.ErrUnexpectedEOF, 1, "name: unexpected EOF\n"},
		{Usagef("-n %d: want 1 or more", 0), 2, "name: -n 0: want 1 or more\n"},
		{fmt.Errorf("wrapped: %w", Usagef("-n 0: want 1 or more")), 2, "name: wrapped: -n 0: want 1 or more\n"},
		{context.Canceled, 130, "name: interrupted; nothing is written\n"},
		{fmt.Errorf("a flow: %w", context.Canceled), 130, "name: interrupted; nothing is written\n"},
		{Interruption("it is in x"), 130, "name: interrupted; it is in x\n"},
		{Early(context.Canceled, "it is in x"), 130, "name: interrupted; it is in x\n"},
		{Early(io.ErrUnexpectedEOF, "it is in x"), 1, "name: unexpected EOF; it is in x\n"},
		{Early(nil, "it is in x"), 0, ""},
	} {
		var out, log bytes.Buffer
		if code := Exit("name", c.err, Streams{&out, &log}); code != c.code || log.String() != c.log || out.Len() > 0 {
			t.Errorf("%v: code %d, log %q, output %q; want %d, %q", c.err, code, log.String(), out.String(), c.code, c.log)
		}
	}
}

// TestChecked: results that could not be written are remembered.
func TestChecked(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	out := &checked{w: full}
	fmt.Fprintln(out, "a result")
	if first := out.err; first == nil {
		t.Error("no error")
	} else if out.w = io.Discard; true {
		fmt.Fprintln(out, "more")
		if !errors.Is(out.err, first) {
			t.Errorf("%v in the place of %v", out.err, first)
		}
	}
}

// TestOnInterrupt: a command may say what the first signal does to it.
func TestOnInterrupt(t *testing.T) {
	text := new(atomic.Pointer[string])
	if got := interruptedText(text.Load(), true); !strings.HasPrefix(got, "\ninterrupted: ending in good order") {
		t.Errorf("%q", got)
	}
	OnInterrupt(context.Background(), "nobody hears it")
	OnInterrupt(context.WithValue(context.Background(), interruptKey{}, text), "draining")
	if got := interruptedText(text.Load(), false); got != "draining\n" {
		t.Errorf("%q", got)
	}
}

// A heap that may grow by a quarter, unless the environment says otherwise.
func TestSmallHeap(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	for gogc, want := range map[string]int{"": 10, "300": 100} {
		t.Setenv("GOGC", gogc)
		debug.SetGCPercent(100)
		SmallHeap()
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("GOGC=%q: %d %%, want %d", gogc, got, want)
		}
	}
}
