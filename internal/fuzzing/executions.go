// Package fuzzing runs fuzz targets at the speed of what they test.
//
// The fuzzer of package testing compares coverage counters of everything that is linked
// after each input, which takes up to a millisecond: it finds the inputs that get far,
// and does a few million of them in a night. A loop without coverage that changes those
// inputs at random does tens of thousands a second.
package fuzzing

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Variables of the environment.
const (
	executionsEnv = "BIJOU_EXECUTIONS" // how many inputs Executions tries; none without it
	seedEnv       = "BIJOU_SEED"       // of their choice, 1 without it
	corpusEnv     = "BIJOU_CORPUS"     // a directory with what the fuzzer of go test has found
)

// Executions calls hold with inputs made of seeds at random, and with a random number for
// what else a target takes. hold says whether the input was one that is read. A target
// calls it before f.Fuzz; it does nothing unless BIJOU_EXECUTIONS is set. Where hold fails
// or panics, the input is logged.
func Executions(f testing.TB, seeds [][]byte, hold func(raw []byte, number uint64) (read bool)) {
	n, err := strconv.Atoi(os.Getenv(executionsEnv))
	if err != nil || n <= 0 {
		return
	}
	seed, err := strconv.ParseUint(os.Getenv(seedEnv), 10, 64)
	if err != nil {
		seed = 1
	}
	m := newMutator(append(found(f, os.Getenv(corpusEnv)), seeds...), seed)
	var raw []byte
	var number uint64
	whole := false
	defer func() {
		if !whole {
			f.Logf("input %q, number %d", raw, number)
		}
	}()
	read, slowest, began := 0, time.Duration(0), time.Now()
	for range n {
		raw, number = m.next(), m.rng.Uint64()
		start := time.Now()
		if hold(raw, number) {
			read++
		}
		slowest = max(slowest, time.Since(start))
		if f.Failed() {
			f.FailNow()
		}
	}
	whole = true
	f.Logf("%d executions from %d seeds, %.0f a second, %d of them read, the slowest in %v",
		n, len(m.seeds), float64(n)/time.Since(began).Seconds(), read, slowest.Round(time.Microsecond))
}

// found are the bytes and texts in the files of a fuzzer's corpus.
func found(f testing.TB, dir string) (seeds [][]byte) {
	if dir == "" {
		return nil
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(file), "\n") {
			kind, value, _ := strings.Cut(strings.TrimSuffix(line, ")"), "(")
			if s, err := strconv.Unquote(value); err == nil && (kind == "[]byte" || kind == "string") {
				seeds = append(seeds, []byte(s))
			}
		}
	}
	return seeds
}

// mutator makes inputs of seeds.
type mutator struct {
	rng   *rand.Rand
	seeds [][]byte
	raw   []byte // of the last input
}

func newMutator(seeds [][]byte, seed uint64) *mutator {
	if len(seeds) == 0 {
		seeds = [][]byte{nil}
	}
	return &mutator{rng: rand.New(rand.NewPCG(seed, 1)), seeds: seeds}
}

// maxGrowth bounds what an input may have more than its seed.
const maxGrowth = 256

// next is the next input, which stays as it is until the one after it.
func (m *mutator) next() []byte {
	m.raw = append(m.raw[:0], m.seeds[m.rng.IntN(len(m.seeds))]...)
	limit := len(m.raw) + maxGrowth
	for changes := 1; ; changes++ {
		m.change()
		m.raw = m.raw[:min(len(m.raw), limit)]
		if changes == 8 || m.rng.IntN(2) == 0 {
			return m.raw
		}
	}
}

// change changes the input in one place.
func (m *mutator) change() {
	at := m.rng.IntN(len(m.raw) + 1)
	to := min(len(m.raw), at+1+m.length())
	switch m.rng.IntN(10) {
	case 0: // a bit
		if at < len(m.raw) {
			m.raw[at] ^= 1 << m.rng.IntN(8)
		}
	case 1: // a byte
		if at < len(m.raw) {
			m.raw[at] = byte(m.rng.IntN(256))
		}
	case 2: // an end
		m.raw = m.raw[:at]
	case 3: // a hole
		m.replace(at, to, nil)
	case 4: // twice the same
		m.replace(at, at, bytes.Clone(m.raw[at:to]))
	case 5: // a piece of another seed, over or beside
		other := m.seeds[m.rng.IntN(len(m.seeds))]
		from := m.rng.IntN(len(other) + 1)
		piece := other[from:min(len(other), from+1+m.length())]
		m.replace(at, min(len(m.raw), at+len(piece)*m.rng.IntN(2)), piece)
	case 6: // what parsers know
		m.replace(at, at, []byte(tokens[m.rng.IntN(len(tokens))]))
	case 7: // a number in text
		m.number(at)
	case 8: // a number in bytes, in either order
		m.integer(at)
	case 9: // a byte more or less
		if at < len(m.raw) {
			m.raw[at] += byte(m.rng.IntN(9)) - 4
		}
	}
}

// length is mostly short.
func (m *mutator) length() int { return m.rng.IntN(1 << m.rng.IntN(7)) }

func (m *mutator) replace(from, to int, by []byte) {
	m.raw = append(m.raw[:from], append(bytes.Clone(by), m.raw[to:]...)...)
}

// number puts a number in the place of the next one in the text.
func (m *mutator) number(at int) {
	digit := func(c byte) bool { return c >= '0' && c <= '9' || c == '.' || c == '-' }
	for at < len(m.raw) && !digit(m.raw[at]) {
		at++
	}
	to := at
	for to < len(m.raw) && digit(m.raw[to]) {
		to++
	}
	if at < to {
		m.replace(at, to, []byte(numbers[m.rng.IntN(len(numbers))]))
	}
}

// integer overwrites 1, 2, 4 or 8 bytes by a number at an edge, or near it.
func (m *mutator) integer(at int) {
	v := uint64(1) << m.rng.IntN(64)
	v += uint64(m.rng.IntN(3)) - 1
	size := 1 << m.rng.IntN(4)
	big := m.rng.IntN(2) == 0
	for i := range size {
		shift := 8 * i
		if big {
			shift = 8 * (size - 1 - i)
		}
		if at+i < len(m.raw) {
			m.raw[at+i] = byte(v >> shift)
		}
	}
}

// tokens and numbers of the formats that are read.
var (
	tokens = []string{
		"{", "}", "[", "]", ",", ":", `"`, `\`, "\n", "\r\n", ";", "\t", " ", "\x00", "\xff", "\ufeff", "null", "true", "false", "{}", "[]", `""`,
		`\u0000`, `\ud800`, "NaN", "Inf", "-", "e", ".", "F32", "F64", "I64", "BOOL", "__metadata__", "2021-03-04", "12:30:00",
	}
	numbers = []string{
		"0", "1", "-1", "2", "3", "8", "64", "255", "256", "65536", "2147483647", "4294967296", "9007199254740993", "9223372036854775807",
		"18446744073709551616", "1e308", "1e309", "5e-324", "-0", "0.1", "1e-310", "-1e308", "007", "1000000000000", "0.9999999999999999",
	}
)
