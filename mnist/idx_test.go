package mnist

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bijou-flow/bijou/internal/fuzzing"
)

// idx is an IDX file of the given sizes with the given data.
func idx(data []byte, size ...uint32) []byte {
	b := []byte{0, 0, 8, byte(len(size))}
	for _, s := range size {
		b = binary.BigEndian.AppendUint32(b, s)
	}
	return append(b, data...)
}

func compress(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(b)
	w.Close()
	return buf.Bytes()
}

func ramp(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestReadImages(t *testing.T) {
	file := idx(ramp(24), 2, 3, 4)
	long := idx(ramp(3*firstChunk+5), 1, 3*firstChunk+5, 1) // several chunks
	for name, in := range map[string][]byte{
		"plain": file, "gzip": compress(file),
		"two gzip members": append(compress(file[:9]), compress(file[9:])...),
	} {
		for _, r := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in)), iotest.DataErrReader(bytes.NewReader(in))} {
			im, err := ReadImages(r)
			if err != nil || im.Len() != 2 || im.Height != 3 || im.Width != 4 || !bytes.Equal(im.Pixels, ramp(24)) {
				t.Errorf("%s: %+v, %v", name, im, err)
			}
		}
	}
	for _, in := range [][]byte{long, compress(long)} {
		if im, err := ReadImages(bytes.NewReader(in)); err != nil || !bytes.Equal(im.Pixels, ramp(3*firstChunk+5)) {
			t.Errorf("long: %d pixels, %v", len(im.Pixels), err)
		}
	}
	labels, err := ReadLabels(bytes.NewReader(idx([]byte{5, 0, 255}, 3)))
	if err != nil || !slices.Equal(labels, []uint8{5, 0, 255}) {
		t.Errorf("labels %v, %v", labels, err)
	}
}

// hostile are files that no reader of images may accept, and what the error
// must say about each.
func hostile() map[string]struct {
	in   []byte
	says string
} {
	good := idx(ramp(24), 2, 3, 4)
	zipped := compress(good)
	badSum, badBits := slices.Clone(zipped), slices.Clone(zipped)
	badSum[len(badSum)-8] ^= 1
	badBits[10] |= 6 // reserved block type
	return map[string]struct {
		in   []byte
		says string
	}{
		"empty":                {nil, "byte 0 of the header, which has 16"},
		"one byte":             {good[:1], "byte 1 of the header"},
		"magic only":           {good[:4], "byte 4 of the header"},
		"cut in the sizes":     {good[:15], "byte 15 of the header"},
		"labels":               {idx(ramp(24), 24), "is that of labels, want 00 00 08 03 (images)"},
		"two dimensions":       {idx(ramp(24), 4, 6), "announces 2 dimensions"},
		"floats":               {append([]byte{0, 0, 0x0d, 3}, good[4:]...), "element type 0x0d"},
		"png":                  {[]byte("\x89PNG\r\n\x1a\n00000000"), "starts with 89 50 4e 47, want 00 00 08 03"},
		"text":                 {[]byte("<html>"), "starts with 3c 68 74 6d"},
		"no data":              {good[:16], "byte 0 of the data, which should have 24"},
		"one byte short":       {good[:len(good)-1], "byte 23 of the data, which should have 24"},
		"one byte more":        {append(slices.Clone(good), 0), "trailing bytes after the 24 that the header [2 3 4] announces"},
		"no images":            {idx(nil, 0, 28, 28), "announces [0 28 28], want sizes of at least 1"},
		"no height":            {idx(nil, 5, 0, 28), "want sizes of at least 1"},
		"no width":             {idx(nil, 5, 28, 0), "want sizes of at least 1"},
		"product wraps to 0":   {idx(nil, 1<<31, 1<<31, 4), "more than the limit"},
		"product wraps to 24":  {idx(ramp(24), 1<<31+3, 8, 1<<29), "more than the limit"},
		"all ones":             {idx(ramp(24), 1<<32-1, 1<<32-1, 1<<32-1), "more than the limit"},
		"just above the limit": {idx(ramp(24), MaxBytes+1, 1, 1), "more than the limit"},
		"huge, within limits":  {idx(ramp(24), MaxBytes, 1, 1), "byte 24 of the data, which should have 1073741824"},
		"gzip, magic only":     {zipped[:2], "gzip header"},
		"gzip, cut header":     {zipped[:9], "gzip header"},
		"gzip, bad method":     {append([]byte{0x1f, 0x8b, 9}, zipped[3:]...), "damaged compression at the gzip header"},
		"gzip, cut data":       {zipped[:len(zipped)-12], "truncated at"},
		"gzip, cut checksum":   {zipped[:len(zipped)-3], "truncated at the end, after all 24 bytes"},
		"gzip, bad checksum":   {badSum, "damaged compression at the end"},
		"gzip, bad bits":       {badBits, "damaged compression at"},
		"gzip, trailing text":  {append(slices.Clone(zipped), "0123456789"...), "trailing bytes after the 24"},
		"gzip, one byte more":  {append(slices.Clone(zipped), 0), "trailing bytes"},
		"gzip, second member":  {append(slices.Clone(zipped), zipped...), "trailing bytes after the 24"},
		"gzip, short inside":   {compress(good[:30]), "byte 14 of the data, which should have 24"},
		"gzip, long inside":    {compress(append(slices.Clone(good), 1, 2)), "trailing bytes after the 24"},
		"gzip twice":           {compress(zipped), "starts with 1f 8b 08"},
		"gzip of huge":         {compress(idx(ramp(24), MaxBytes, 1, 1)), "byte 24 of the data"},
		"gzip bomb":            {compress(idx(make([]byte, 4<<20), 1<<32-1, 1<<32-1, 1)), "more than the limit"},
	}
}

func TestHostile(t *testing.T) {
	for name, c := range hostile() {
		im, err := ReadImages(bytes.NewReader(c.in))
		if !errors.Is(err, ErrFormat) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: error %v, want ErrFormat that says %q", name, err, c.says)
		}
		if im.Pixels != nil || im.Len() != 0 {
			t.Errorf("%s: images beside an error", name)
		}
		if strings.Contains(c.says, "truncated") && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v does not wrap io.ErrUnexpectedEOF", name, err)
		}
	}
	if _, err := ReadLabels(bytes.NewReader(idx(ramp(24), 2, 3, 4))); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "is that of images, want 00 00 08 01 (labels)") {
		t.Errorf("labels from images: %v", err)
	}
}

// A source that fails is not a malformed file.
func TestSourceFails(t *testing.T) {
	broken := errors.New("disk on fire")
	file := idx(ramp(24), 2, 3, 4)
	for _, in := range [][]byte{file, compress(file)} {
		for cut := range len(in) + 1 {
			_, err := ReadImages(io.MultiReader(bytes.NewReader(in[:cut]), iotest.ErrReader(broken)))
			if !errors.Is(err, broken) || errors.Is(err, ErrFormat) {
				t.Fatalf("source fails after %d of %d bytes: %v", cut, len(in), err)
			}
		}
	}
}

// allocated is the number of bytes that f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestAllocation holds what is allocated in all to twice the data plus 1 MiB,
// for files that announce far more than they hold.
func TestAllocation(t *testing.T) {
	for _, n := range []int{0, 100, firstChunk - 1, firstChunk, firstChunk + 1, 5 << 20, 9<<20 + 7} {
		for _, size := range []uint32{uint32(n), MaxBytes} {
			file := idx(make([]byte, n), size, 1, 1)
			for _, in := range [][]byte{file, compress(file)} {
				limit := 2*uint64(len(file)) + 1<<20
				if got := allocated(func() { ReadImages(bytes.NewReader(in)) }); got > limit {
					t.Errorf("%d bytes of %d in a file of %d: %d bytes allocated, limit %d", n, size, len(in), got, limit)
				}
			}
		}
	}
	for name, c := range hostile() {
		limit := 2*uint64(len(c.in)) + 1<<20
		if got := allocated(func() { ReadImages(bytes.NewReader(c.in)) }); got > limit {
			t.Errorf("%s: %d bytes allocated, limit %d", name, got, limit)
		}
	}
}

// FuzzReadImages: no input panics, what is refused wraps ErrFormat, and what is
// accepted, when it is plain, is exactly what encoding the result gives.
func FuzzReadImages(f *testing.F) {
	seeds := [][]byte{idx(ramp(24), 2, 3, 4), compress(idx(ramp(24), 2, 3, 4))}
	for _, c := range hostile() {
		if len(c.in) < 1<<10 {
			seeds = append(seeds, c.in)
		}
	}
	for _, in := range seeds {
		f.Add(in)
	}
	hold := func(t testing.TB, in []byte) (read bool) {
		im, err := ReadImages(bytes.NewReader(in))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%v does not wrap ErrFormat", err)
			}
			return false
		}
		if len(im.Pixels) == 0 || len(im.Pixels) != im.Len()*im.Height*im.Width {
			t.Fatalf("%d pixels for %d images of %d x %d", len(im.Pixels), im.Len(), im.Height, im.Width)
		}
		again := idx(im.Pixels, uint32(im.Len()), uint32(im.Height), uint32(im.Width))
		if in[0] == 0 && !bytes.Equal(in, again) {
			t.Fatalf("read %x, which encodes to %x", in, again)
		}
		if im2, err := ReadImages(bytes.NewReader(compress(again))); err != nil || !bytes.Equal(im2.Pixels, im.Pixels) {
			t.Fatalf("compressed: %v", err)
		}
		return true
	}
	fuzzing.Executions(f, seeds, func(in []byte, _ uint64) bool { return hold(f, in) })
	f.Fuzz(func(t *testing.T, in []byte) { hold(t, in) })
}
