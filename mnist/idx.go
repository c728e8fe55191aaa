// The IDX format, plain or compressed: ReadImages, ReadLabels, and the checks
// that keep a damaged or hostile file from being believed.

package mnist

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// ErrFormat: a file is not the IDX file that it should be. The error that
// wraps it says what was found and what was expected.
var ErrFormat = errors.New("malformed IDX data")

// MaxBytes is the largest payload that is read unless ReadOptions say
// otherwise: 1 GiB, which is 1.3 million images of 28 x 28.
const MaxBytes = 1 << 30

// MaxRatio is what a compressed file may expand to unless ReadOptions say
// otherwise: 16 MiB, and beyond them 100 bytes for each of its own. MNIST's have
// 5, and what gzip can do is 1000.
const MaxRatio = 100

// expandFree is what the smallest compressed file may expand to.
const expandFree = 16 << 20

// ReadOptions bound what is read. The zero value has the package's limits.
type ReadOptions struct {
	// MaxBytes is the largest payload, in bytes, uncompressed; 0 means MaxBytes.
	MaxBytes int
	// MaxRatio is how many bytes of payload a byte of a compressed file may
	// stand for, beyond the first 16 MiB; 0 means MaxRatio.
	MaxRatio int
}

// bounds are the options of a call, at most one of them, with defaults.
func bounds(o []ReadOptions) (b ReadOptions, err error) {
	if len(o) > 1 || len(o) == 1 && (o[0].MaxBytes < 0 || o[0].MaxRatio < 0) {
		return b, fmt.Errorf("options %+v, want one at most, of numbers of at least 0: %w", o, bijector.ErrSpec)
	}
	if len(o) == 1 {
		b = o[0]
	}
	if b.MaxBytes == 0 {
		b.MaxBytes = MaxBytes
	}
	if b.MaxRatio == 0 {
		b.MaxRatio = MaxRatio
	}
	return b, nil
}

// firstChunk is what may be allocated before anything has been read.
const firstChunk = 512 << 10

// Images are N = len(Pixels)/(Height*Width) images of Height rows and Width
// columns, row-major, one after the other; 0 is background and 255 is ink.
type Images struct {
	Height, Width int
	Pixels        []uint8
}

// Len returns the number of images.
func (im Images) Len() int {
	if im.Height <= 0 || im.Width <= 0 {
		return 0
	}
	return len(im.Pixels) / im.Height / im.Width
}

// ReadImages reads an IDX file of images: the bytes 0 0 8 3, then the number
// of images, the height and the width as big-endian uint32, then one byte a
// pixel. The file may be compressed with gzip; its content tells.
//
// The file must be exactly as long as it says and hold at least one pixel, or
// the error wraps ErrFormat. Sizes are not believed until the data is there:
// at most twice the (uncompressed) bytes read plus 1 MiB are allocated. A file
// that expands to more than MaxBytes, or out of proportion to its own size, is
// ErrFormat. o is ReadOptions, at most one; others are bijector.ErrSpec.
func ReadImages(r io.Reader, o ...ReadOptions) (Images, error) {
	b, err := bounds(o)
	if err != nil {
		return Images{}, fmt.Errorf("mnist: read images: %w", err)
	}
	im, err := readImages(r, firstChunk, b)
	if err != nil {
		return Images{}, fmt.Errorf("mnist: read images: %w", err)
	}
	return im, nil
}

// ReadLabels reads an IDX file of labels: the bytes 0 0 8 1, then the number
// of labels as big-endian uint32, then one byte a label, of any value. All
// else is as in ReadImages.
func ReadLabels(r io.Reader, o ...ReadOptions) ([]uint8, error) {
	b, err := bounds(o)
	if err != nil {
		return nil, fmt.Errorf("mnist: read labels: %w", err)
	}
	labels, err := readLabels(r, firstChunk, b)
	if err != nil {
		return nil, fmt.Errorf("mnist: read labels: %w", err)
	}
	return labels, nil
}

func readImages(r io.Reader, first int, b ReadOptions) (Images, error) {
	var size [3]uint32
	pixels, err := readIDX(r, size[:], first, b)
	return Images{Height: int(size[1]), Width: int(size[2]), Pixels: pixels}, err
}

func readLabels(r io.Reader, first int, b ReadOptions) ([]uint8, error) {
	var size [1]uint32
	return readIDX(r, size[:], first, b)
}

// readIDX reads an array of bytes with len(size) dimensions and sets size.
// first bounds what is allocated on the header's word alone.
func readIDX(r io.Reader, size []uint32, first int, b ReadOptions) ([]uint8, error) {
	if nilcheck.IsNil(r) {
		return nil, fmt.Errorf("no reader: %w", bijector.ErrSpec)
	}
	counted := &counter{r: r}
	br := bufio.NewReader(counted)
	head, err := br.Peek(2)
	if err != nil && err != io.EOF {
		return nil, err
	}
	var in io.Reader = br
	if len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		// An error of gzip's is about damaged data unless it is the source's.
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, readError(err, "the gzip header")
		}
		in = &expanding{z: z, file: counted, ratio: b.MaxRatio}
	}
	if err := readHeader(in, size); err != nil {
		return nil, err
	}
	want, err := payloadSize(size, b.MaxBytes)
	if err != nil {
		return nil, err
	}
	data, err := readExactly(in, want, first)
	if err != nil {
		return nil, err
	}
	// The read past the end also makes gzip compare its checksum.
	var extra [1]byte
	switch _, err := io.ReadFull(in, extra[:]); {
	case err == nil, errors.Is(err, gzip.ErrHeader):
		return nil, fmt.Errorf("%w: trailing bytes after the %d that the header %v announces", ErrFormat, want, size)
	case err != io.EOF:
		return nil, readError(err, fmt.Sprintf("the end, after all %d bytes of data (truncated there, or trailing bytes)", want))
	}
	return data, nil
}

// counter counts what is read of a file.
type counter struct {
	r    io.Reader
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read += int64(n)
	return n, err
}

// expanding reads what a compressed file holds, in proportion to the file.
type expanding struct {
	z     *gzip.Reader
	file  *counter
	ratio int
	out   int64
}

func (e *expanding) Read(p []byte) (int, error) {
	n, err := e.z.Read(p)
	if e.out += int64(n); e.out-expandFree > 0 && (e.out-expandFree)/int64(e.ratio) > e.file.read {
		return 0, fmt.Errorf("%w: the first %d bytes of the compressed file expand to %d and more, beyond %d for each (ReadOptions.MaxRatio)", ErrFormat, e.file.read, e.out, e.ratio)
	}
	return n, err
}

// readHeader reads the magic number and the sizes.
func readHeader(r io.Reader, size []uint32) error {
	var head [16]byte
	h := head[:4+4*len(size)]
	n, err := io.ReadFull(r, h)
	if n >= 4 || err == nil {
		if err := checkMagic(h, len(size)); err != nil {
			return err
		}
	}
	if err != nil {
		return readError(err, fmt.Sprintf("byte %d of the header, which has %d", n, len(h)))
	}
	for i := range size {
		size[i] = binary.BigEndian.Uint32(h[4+4*i:])
	}
	return nil
}

func checkMagic(h []byte, dims int) error {
	what := map[int]string{1: "labels", 3: "images"}
	want := fmt.Sprintf("want 00 00 08 %02x (%s)", dims, what[dims])
	switch {
	case h[0] != 0 || h[1] != 0:
		return fmt.Errorf("%w: it starts with % x, %s, plain or in gzip", ErrFormat, h[:4], want)
	case h[2] != 0x08:
		return fmt.Errorf("%w: magic % x has element type %#02x, %s: unsigned bytes", ErrFormat, h[:4], h[2], want)
	case int(h[3]) != dims && what[int(h[3])] != "":
		return fmt.Errorf("%w: magic % x is that of %s, %s", ErrFormat, h[:4], what[int(h[3])], want)
	case int(h[3]) != dims:
		return fmt.Errorf("%w: magic % x announces %d dimensions, %s", ErrFormat, h[:4], h[3], want)
	}
	return nil
}

// payloadSize returns the number of bytes that the sizes announce, between 1 and
// most.
func payloadSize(size []uint32, most int) (int, error) {
	total := uint64(1)
	for _, s := range size {
		if s == 0 {
			return 0, fmt.Errorf("%w: the header announces %v, want sizes of at least 1", ErrFormat, size)
		}
		if over, product := bits.Mul64(total, uint64(s)); over > 0 || product > uint64(most) {
			return 0, fmt.Errorf("%w: the header announces %v, more than the limit of %d bytes (ReadOptions.MaxBytes)", ErrFormat, size, most)
		}
		total *= uint64(s)
	}
	return int(total), nil
}

// readExactly reads n bytes. It joins chunks at the end, so that all that was
// ever allocated is at most first or twice what was read.
func readExactly(r io.Reader, n, first int) ([]uint8, error) {
	chunks, got, err := input.Chunks(r, n, first)
	if err != nil {
		return nil, readError(err, fmt.Sprintf("byte %d of the data, which should have %d", got, n))
	}
	if len(chunks) == 1 {
		return chunks[0], nil
	}
	data := make([]uint8, 0, n)
	for _, c := range chunks {
		data = append(data, c...)
	}
	return data, nil
}

// readError says where reading failed. What the data is to blame for wraps
// ErrFormat; a failure of the source itself does not.
func readError(err error, where string) error {
	var corrupt flate.CorruptInputError
	switch {
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: truncated at %s: %w", ErrFormat, where, io.ErrUnexpectedEOF)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return fmt.Errorf("%w: damaged compression at %s: %w", ErrFormat, where, err)
	}
	return fmt.Errorf("at %s: %w", where, err)
}
