// Files by kind, what Magika sees of one, and files that were altered.

package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/bijector"
)

// kinds are flags of the form NAME=DIR:.EXT,.EXT.
type kinds []kind

type kind struct {
	name, dir  string
	extensions []string
	files      [][]byte
}

func (k *kinds) String() string { return fmt.Sprint(len(*k), " kinds") }

func (k *kinds) Set(text string) error {
	name, rest, named := strings.Cut(text, "=")
	at := strings.LastIndex(rest, ":")
	if !named || at < 1 {
		return fmt.Errorf("%q, want NAME=DIR:.EXT,.EXT", text)
	}
	*k = append(*k, kind{name: name, dir: rest[:at], extensions: strings.Split(rest[at+1:], ",")})
	return nil
}

const (
	least = 64      // bytes of a file: Magika asks for a few
	most  = 1 << 20 // larger ones are passed over
)

// read draws files of each kind, no two with the same bytes.
func (k kinds) read(each int, rng *rand.Rand) ([]kind, error) {
	seen := map[string]bool{}
	for i := range k {
		var paths []string
		err := filepath.WalkDir(k[i].dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && slices.Contains(k[i].extensions, filepath.Ext(path)) {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		rng.Shuffle(len(paths), func(a, b int) { paths[a], paths[b] = paths[b], paths[a] })
		for _, path := range paths {
			raw, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			if len(raw) < least || len(raw) > most || seen[string(raw)] {
				continue
			}
			seen[string(raw)] = true
			if k[i].files = append(k[i].files, raw); len(k[i].files) == each {
				break
			}
		}
		if len(k[i].files) == 0 {
			return nil, fmt.Errorf("no files of the kind %s in %s with %v", k[i].name, k[i].dir, k[i].extensions)
		}
	}
	return k, nil
}

// What Magika sees of a file: its first and its last 1,024 bytes without white
// space around, and 256 where there are fewer.
const (
	window   = 1024
	block    = 4096 // at either end, of which white space is cut off
	features = 2 * window
	padding  = 256
)

func rowsOf(files [][]byte) *bijector.Rows[float32] {
	const space = " \t\n\r\v\f"
	x := bijector.NewRows[float32](len(files), features)
	for i, raw := range files {
		head, tail := raw[:min(block, len(raw))], raw[max(0, len(raw)-block):]
		head, tail = bytes.TrimLeft(head, space), bytes.TrimRight(tail, space)
		if len(raw) <= block {
			head, tail = bytes.Trim(raw, space), bytes.Trim(raw, space)
		}
		row := x.Row(i)
		for j := range row {
			row[j] = padding
		}
		for j, b := range head[:min(window, len(head))] {
			row[j] = float32(b)
		}
		tail = tail[max(0, len(tail)-window):]
		for j, b := range tail {
			row[features-len(tail)+j] = float32(b)
		}
	}
	return x
}

// alteration is a way in which a usual file becomes an unusual one.
type alteration struct {
	name string
	of   func(raw []byte, rng *rand.Rand) []byte
}

var alterations = []alteration{
	{"usual, letters moved by 13", func(raw []byte, _ *rand.Rand) []byte {
		return bytes.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z':
				return 'a' + (r-'a'+13)%26
			case r >= 'A' && r <= 'Z':
				return 'A' + (r-'A'+13)%26
			}
			return r
		}, raw)
	}},
	{"usual, one byte of 20 at random", func(raw []byte, rng *rand.Rand) []byte {
		raw = bytes.Clone(raw)
		for i := range raw {
			if rng.IntN(20) == 0 {
				raw[i] = byte(rng.IntN(256))
			}
		}
		return raw
	}},
	{"usual, lines in another order", func(raw []byte, rng *rand.Rand) []byte {
		lines := bytes.Split(raw, []byte("\n"))
		rng.Shuffle(len(lines), func(a, b int) { lines[a], lines[b] = lines[b], lines[a] })
		return bytes.Join(lines, []byte("\n"))
	}},
	{"usual, compressed", func(raw []byte, _ *rand.Rand) []byte {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, flate.BestCompression)
		_, _ = w.Write(raw)
		_ = w.Close()
		return b.Bytes()
	}},
}

// altered draws usual files of all kinds and alters them.
func altered(known []kind, n int, a alteration, rng *rand.Rand) (files [][]byte) {
	for range n {
		k := known[rng.IntN(len(known))]
		files = append(files, a.of(k.files[rng.IntN(len(k.files))], rng))
	}
	return files
}
