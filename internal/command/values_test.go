package command

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

// settings are one flag of each kind.
type settings struct {
	count, size, digit    int
	rate, decay, warmth   float64
	word, optional, title string
	seed                  uint64
	seeds                 []uint64
	widths                Sizes
	yes                   bool
}

func declared() (*Flags, *settings) {
	s := &settings{}
	f := NewFlags("./some/program sub", "Does something for a test. It writes nothing.\n")
	f.Int(&s.count, "count", 7, 0, Most, "")
	f.Int(&s.size, "size", 20, 2, MaxSize, "")
	f.Int(&s.digit, "digit", -1, -1, 9, "")
	f.Positive(&s.rate, "rate", 0.5, 1, "")
	f.Float(&s.decay, "decay", 0, 0, 1, "")
	f.Float(&s.warmth, "warmth", 1, 0, math.Inf(1), "")
	f.Choice(&s.word, "word", "red", "", "red", "green")
	f.Choice(&s.optional, "optional", "", "", "left", "right")
	f.String(&s.title, "title", "none", "")
	f.Seed(&s.seed, "seed", 1, "")
	f.Seeds(&s.seeds, "seeds", 3, "")
	f.Sizes(&s.widths, "widths", Sizes{100, 50}, "")
	f.Bool(&s.yes, "yes", "")
	return f, s
}

// TestValues: what is given is taken, and what is not keeps its default.
func TestValues(t *testing.T) {
	var s Streams
	for args, want := range map[string]string{
		"": "{7 20 -1 0.5 0 1 red  none 1 [3] [100 50] false}",
		"-count 0 -size 4096 -digit 9 -rate 1 -decay 1 -warmth 1e9 -word green -optional right -title x -seed 18446744073709551615 -seeds 1,2 -widths 3 -yes": "{0 4096 9 1 1 1e+09 green right x 18446744073709551615 [1 2] [3] true}",
		"-count 1000000000 -size=2 -optional= -yes=false": "{1000000000 2 -1 0.5 0 1 red  none 1 [3] [100 50] false}",
	} {
		f, got := declared()
		if err := f.Parse(strings.Fields(args), s); err != nil || fmt.Sprint(*got) != want {
			t.Errorf("%s: %v, %v, want %s", args, err, *got, want)
		}
	}
}

// TestRefused: an error says what was given and what is wanted, in numbers that
// one can read.
func TestRefused(t *testing.T) {
	for args, want := range map[string]string{
		"-count -5":                     "-count -5: want 0 or more",
		"-count x":                      `-count "x": want a whole number, 0 or more`,
		"-count 1.5":                    "-count 1.5: want a whole number, 0 or more",
		"-count=":                       `-count "": want a whole number, 0 or more`,
		"-count 1000000001":             "-count 1000000001: want at most 1,000,000,000",
		"-count 99999999999999999999":   "-count 99999999999999999999: want at most 1,000,000,000",
		"-count -99999999999999999999":  "-count -99999999999999999999: want 0 or more",
		"-size 1":                       "-size 1: want 2 to 4096",
		"-size 4097":                    "-size 4097: want 2 to 4096",
		"-digit -2":                     "-digit -2: want -1 to 9",
		"-rate 0":                       "-rate 0: want a number above 0, at most 1",
		"-rate NaN":                     "-rate NaN: want a number above 0, at most 1",
		"-rate fast":                    `-rate "fast": want a number above 0, at most 1`,
		"-decay 1.1":                    "-decay 1.1: want 0 to 1",
		"-warmth -1":                    "-warmth -1: want 0 or more",
		"-warmth Inf":                   "-warmth Inf: want 0 or more",
		"-warmth NaN":                   "-warmth NaN: want 0 or more",
		"-word blue":                    `-word "blue": want one of red, green`,
		"-word=":                        `-word "": want one of red, green`,
		"-optional up":                  `-optional "up": want one of left, right`,
		"-seed -1":                      "-seed -1: want a whole number, 0 or more, of at most 19 digits",
		"-seed 99999999999999999999999": "-seed 99999999999999999999999: want a whole number, 0 or more, of at most 19 digits",
		"-seeds 1,a":                    `-seeds "1,a": want a whole number, 0 or more, of at most 19 digits; or several with commas between, such as 1,2,3`,
		"-widths 3,0":                   `-widths "3,0": want one or several numbers from 1 to 4096 with commas between, such as 100,100, in place of "0"`,
		"-yes=maybe":                    `-yes "maybe": want true or false`,
		"-none":                         `flag provided but not defined: -none; "go run ./some/program sub -h" lists the flags`,
		"-count":                        `flag needs an argument: -count; "go run ./some/program sub -h" lists the flags`,
		"more":                          `"more" is no flag; "go run ./some/program sub -h" lists the flags`,
	} {
		f, _ := declared()
		var out, log bytes.Buffer
		s := Streams{&out, &log}
		err := f.Parse(strings.Fields(args), s)
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
		if code := Exit(f.Name(), err, s); code != WrongFlags || log.String() != "program sub: "+want+"\n" || out.Len() > 0 {
			t.Errorf("%s: code %d, log %q, output %q", args, code, log.String(), out.String())
		}
	}
}

// TestUsage: how the command is started, what it does, and each flag with its
// default where it has one.
func TestUsage(t *testing.T) {
	f, _ := declared()
	var out bytes.Buffer
	err := f.Parse([]string{"-h"}, Streams{&out, nil})
	if Exit("", err, Streams{}) != Done {
		t.Errorf("%v", err)
	}
	for _, want := range []string{
		"Usage: go run ./some/program sub [flags]\n\nDoes something for a test. It writes nothing.\n\nFlags:\n",
		"(default 7)", "(default -1)", "(default 0.5)", "(default red)", "(default 100,50)", exitCodes,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	for _, no := range []string{"(default )", "(default 0)", "(default false)"} {
		if strings.Contains(out.String(), no) {
			t.Errorf("%q is in\n%s", no, out.String())
		}
	}
}
