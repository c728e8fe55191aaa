// What can go wrong, for errors.Is.

package registry

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bijou-flow/bijou/internal/safetensors"
	"github.com/bijou-flow/bijou/internal/specnames"
)

var (
	// ErrNotRegistered: a name or a spec is not registered.
	ErrNotRegistered = specnames.ErrNotRegistered
	// ErrFormat: a file is not a valid safetensors file, or not one of ours.
	ErrFormat = safetensors.ErrFormat
	// ErrVersion: a file was written by a newer version of the library.
	ErrVersion = errors.New("unknown version of the model format")
	// ErrChecksum: a file is damaged.
	ErrChecksum = safetensors.ErrChecksum
	// ErrMismatch: a file's tensors are not those of the model its spec
	// describes.
	ErrMismatch = errors.New("tensors do not fit the spec")
	// ErrTooLarge: a spec asks for more than the limits allow, or more than
	// its file holds, or a file is larger than LoadOptions.MaxBytes.
	ErrTooLarge = safetensors.ErrTooLarge
)

// FormatError says which tensor and which field of a file's header is wrong.
// It wraps ErrFormat.
type FormatError struct {
	Tensor string // name of the tensor; empty where the fault is that of the file
	Field  string // "header", "dtype", "shape", "data_offsets", "__metadata__", "data" ...
	Reason string // what was found and what was wanted
}

// Error names the tensor and the field.
func (e *FormatError) Error() string { return (*safetensors.FormatError)(e).Error() }

// Unwrap returns ErrFormat.
func (e *FormatError) Unwrap() error { return ErrFormat }

// unknownError lists what a name could have been.
type unknownError struct {
	kind  Kind
	name  string
	other string // the kind the name does stand for
	known []string
	cause error // why there is no name, if that is known
}

func (e *unknownError) Error() string {
	var b strings.Builder
	if e.name == "" {
		fmt.Fprintf(&b, "no name of a %v is given", e.kind)
	} else {
		fmt.Fprintf(&b, "no %v is registered as %q", e.kind, clip(e.name))
	}
	if e.other != "" {
		fmt.Fprintf(&b, ", which is a %s", e.other)
	} else if near := nearest(e.name, e.known); near != "" {
		fmt.Fprintf(&b, "; did you mean %q?", near)
	}
	if e.name != "" && e.other == "" {
		b.WriteString("; a part of another package is registered where that package is imported: import its package")
	}
	if len(e.known) == 0 {
		b.WriteString(" (there are none)")
	} else {
		fmt.Fprintf(&b, " (there are %s)", strings.Join(e.known, ", "))
	}
	return b.String()
}

func (e *unknownError) Unwrap() []error { return []error{ErrNotRegistered, e.cause} }

// clip shortens text that came from a file.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

// nearest returns the known name that name was probably meant to be: the one
// whose last part it is, or the closest within a third of its letters.
func nearest(name string, known []string) string {
	if name == "" || len(name) > 100 {
		return ""
	}
	best, least := "", 2+len(name)/4
	for _, k := range known {
		if strings.EqualFold(k, name) || strings.HasSuffix(k, "."+name) {
			return k
		}
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
