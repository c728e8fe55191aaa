package safetensors

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/corpus"
)

// validEntry is a valid entry of 8 bytes of data.
const validEntry = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`

func TestHostileHeaders(t *testing.T) {
	with := func(dtype, shape, offsets string) string {
		return `{"a":{"dtype":` + dtype + `,"shape":` + shape + `,"data_offsets":` + offsets + `}}`
	}
	two := func(a, b string) string {
		return `{"a":{"dtype":"F32","shape":[2],"data_offsets":` + a + `},"b":{"dtype":"F32","shape":[2],"data_offsets":` + b + `}}`
	}
	for _, c := range []struct {
		name, header  string
		data          int
		tensor, field string
		says          string
	}{
		{"empty header", ``, 0, "", "header", "begin with {"},
		{"leading space", ` {` + validEntry + `}`, 8, "", "header", "begin with {"},
		{"an array", `[]`, 0, "", "header", "begin with {"},
		{"byte order mark", "\ufeff{}", 0, "", "header", "begin with {"},
		{"no closing brace", `{` + validEntry, 8, "", "header", "ends"},
		{"a comma too many", `{` + validEntry + `,}`, 8, "", "header", "found '}'"},
		{"no comma", `{` + validEntry + ` "b":{}}`, 8, "", "header", "want ','"},
		{"no colon", `{"a"{}}`, 8, "", "header", "want ':'"},
		{"text after the end", `{` + validEntry + `} x`, 8, "", "header", "after the closing brace"},
		{"a second object", `{` + validEntry + `}{}`, 8, "", "header", "after the closing brace"},
		{"a newline after the end", `{` + validEntry + "}\n", 8, "", "header", "after the closing brace"},
		{"a NUL after the end", `{` + validEntry + "}\x00", 8, "", "header", "after the closing brace"},
		{"invalid UTF-8", "{\"\xff\":" + validEntry[4:] + "}", 8, "", "header", "UTF-8"},
		{"overlong UTF-8", "{\"\xc0\x80\":" + validEntry[4:] + "}", 8, "", "header", "UTF-8"},
		{"control character", "{\"\x01\":" + validEntry[4:] + "}", 8, "", "header", "control character"},
		{"half a surrogate pair", `{"\ud83d":` + validEntry[4:] + `}`, 8, "", "header", "surrogate"},
		{"reversed surrogates", `{"\ude00\ud83d":` + validEntry[4:] + `}`, 8, "", "header", "surrogate"},
		{"unknown escape", `{"\x":` + validEntry[4:] + `}`, 8, "", "header", "escape"},
		{"short escape", `{"\u12":` + validEntry[4:] + `}`, 8, "", "header", "escape"},
		{"string without end", `{"a`, 0, "", "header", "without an end"},
		{"escaped end", `{"a\"`, 0, "", "header", "without an end"},
		{"name twice", `{` + validEntry + `,` + validEntry + `}`, 8, "a", "name", "twice"},
		{"name twice, one escaped", `{` + validEntry + `,"\u0061"` + validEntry[3:] + `}`, 8, "a", "name", "twice"},
		{"tensor is null", `{"a":null}`, 0, "a", "header", "want '{'"},
		{"tensor is a list", `{"a":[]}`, 0, "a", "header", "want '{'"},
		{"nesting bomb", `{"a":` + strings.Repeat(`{"a":`, 1<<16), 0, "a", "header", "no field"},
		{"nesting bomb in a shape", with(`"F32"`, strings.Repeat(`[`, 1<<16), `[0,8]`), 8, "a", "shape", "integer"},
		{"unknown field", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}}`, 8, "a", "header", "strides"},
		{"field twice: dtype", `{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8, "a", "dtype", "twice"},
		{"field twice: shape", `{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}`, 8, "a", "shape", "twice"},
		{"field twice: offsets", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]}}`, 8, "a", "data_offsets", "twice"},
		{"escaped field", `{"a":{"d\u0074ype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8, "a", "header", "escape"},
		{"no dtype", `{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8, "a", "dtype", "missing"},
		{"no shape", `{"a":{"dtype":"F32","data_offsets":[0,8]}}`, 8, "a", "shape", "missing"},
		{"no offsets", `{"a":{"dtype":"F32","shape":[2]}}`, 8, "a", "data_offsets", "missing"},
		{"no fields", `{"a":{}}`, 8, "a", "dtype", "missing"},
		{"unknown dtype", with(`"F31"`, `[2]`, `[0,8]`), 8, "a", "dtype", `"F31"`},
		{"dtype in lower case", with(`"f32"`, `[2]`, `[0,8]`), 8, "a", "dtype", `"f32"`},
		{"dtype for those who ask for it", with(`"BOOL"`, `[8]`, `[0,8]`), 8, "a", "dtype", "want F32, F64 or I64"},
		{"dtype of another kind", with(`"BF16"`, `[4]`, `[0,8]`), 8, "a", "dtype", "want F32, F64 or I64"},
		{"dtype is a number", with(`32`, `[2]`, `[0,8]`), 8, "a", "dtype", "want '\"'"},
		{"shape is a number", with(`"F32"`, `2`, `[0,8]`), 8, "a", "shape", "want '['"},
		{"shape is negative", with(`"F32"`, `[-2]`, `[0,8]`), 8, "a", "shape", "integer"},
		{"shape is a fraction", with(`"F32"`, `[2.0]`, `[0,8]`), 8, "a", "shape", "fraction"},
		{"shape has an exponent", with(`"F32"`, `[2e0]`, `[0,8]`), 8, "a", "shape", "exponent"},
		{"shape has a leading zero", with(`"F32"`, `[02]`, `[0,8]`), 8, "a", "shape", "leading zero"},
		{"shape is a string", with(`"F32"`, `["2"]`, `[0,8]`), 8, "a", "shape", "integer"},
		{"shape of 64 bits", with(`"F32"`, `[9223372036854775808]`, `[0,8]`), 8, "a", "shape", "63 bits"},
		{"shape overflows", with(`"F32"`, `[4294967296,4294967296]`, `[0,8]`), 8, "a", "shape", "counted"},
		{"shape overflows to its size", with(`"F32"`, `[2,9223372036854775807]`, `[0,8]`), 8, "a", "shape", "counted"},
		{"shape overflows in bytes", with(`"F64"`, `[2305843009213693953]`, `[0,8]`), 8, "a", "shape", "counted"},
		{"shape overflows beside 0", with(`"F32"`, `[0,4294967296,4294967296]`, `[0,0]`), 0, "a", "shape", "counted"},
		{"shape larger than its data", with(`"F32"`, `[3]`, `[0,8]`), 8, "a", "data_offsets", "take 12"},
		{"shape smaller than its data", with(`"F32"`, `[1]`, `[0,8]`), 8, "a", "data_offsets", "take 4"},
		{"dtype larger than its data", with(`"F64"`, `[2]`, `[0,8]`), 8, "a", "data_offsets", "take 16"},
		{"offsets reversed", with(`"F32"`, `[2]`, `[8,0]`), 8, "a", "data_offsets", "reversed"},
		{"offsets negative", with(`"F32"`, `[2]`, `[-8,0]`), 8, "a", "data_offsets", "integer"},
		{"one offset", with(`"F32"`, `[2]`, `[8]`), 8, "a", "data_offsets", "want 2"},
		{"no offset", with(`"F32"`, `[2]`, `[]`), 8, "a", "data_offsets", "want 2"},
		{"three offsets", with(`"F32"`, `[2]`, `[0,8,8]`), 8, "a", "data_offsets", "more than two"},
		{"offsets out of range", with(`"F32"`, `[4]`, `[0,16]`), 8, "a", "data_offsets", "after the file's 8 bytes"},
		{"offsets far out of range", with(`"F32"`, `[2]`, `[9223372036854775799,9223372036854775807]`), 8, "a", "data_offsets", "after the file's"},
		{"data missing", `{` + validEntry + `}`, 7, "a", "data_offsets", "after the file's 7 bytes"},
		{"trailing data", `{` + validEntry + `}`, 9, "", "data", "tensors take 8"},
		{"data of no tensor", `{}`, 1, "", "data", "tensors take 0"},
		{"same place twice", two(`[0,8]`, `[0,8]`), 8, "b", "data_offsets", "overlap"},
		{"overlap", two(`[0,8]`, `[4,12]`), 12, "b", "data_offsets", "overlap"},
		{"overlap, later first", two(`[4,12]`, `[0,8]`), 12, "a", "data_offsets", "overlap"},
		{"gap between", two(`[0,8]`, `[12,20]`), 20, "b", "data_offsets", "gap after 8"},
		{"gap before", two(`[4,12]`, `[12,20]`), 20, "a", "data_offsets", "gap after 0"},
		{"empty tensor within another", `{` + validEntry + `,"b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}`, 8, "b", "data_offsets", "overlap"},
		{"metadata is a string", `{"__metadata__":"x"}`, 0, "", "__metadata__", "want '{'"},
		{"metadata value is a number", `{"__metadata__":{"x":1}}`, 0, "", "__metadata__", "want '\"'"},
		{"metadata value is null", `{"__metadata__":{"x":null}}`, 0, "", "__metadata__", "want '\"'"},
		{"metadata value is an object", `{"__metadata__":{"x":{}}}`, 0, "", "__metadata__", "want '\"'"},
		{"metadata twice", `{"__metadata__":{},"__metadata__":{}}`, 0, "", "__metadata__", "twice"},
		{"metadata twice, one escaped", `{"__metadata__":{},"\u005f_metadata__":{}}`, 0, "", "__metadata__", "twice"},
		{"metadata key twice", `{"__metadata__":{"x":"1","x":"1"}}`, 0, "", "__metadata__", `"x" occurs twice`},
		{"too much metadata", `{"__metadata__":{` + manyKeys(maxMetadata+1) + `}}`, 0, "", "__metadata__", "more than 4096"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := file(c.header, c.data)
			corpus.Check(t, c.name, raw)
			_, err := ReadHeader(bytes.NewReader(raw), int64(len(raw)))
			var fe *FormatError
			if !errors.As(err, &fe) || !errors.Is(err, ErrFormat) {
				t.Fatalf("got %v, want a FormatError", err)
			}
			if math.MaxInt == math.MaxInt32 && c.says == "counted" {
				c.says = "address" // where no axis can be long enough to overflow
			}
			if fe.Tensor != c.tensor || fe.Field != c.field || !strings.Contains(fe.Reason, c.says) {
				t.Errorf("got tensor %q, field %q: %s; want tensor %q, field %q: %s", fe.Tensor, fe.Field, fe.Reason, c.tensor, c.field, c.says)
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.Replace(`"#":""`, "#", strings.Repeat("k", i%64)+string(rune(0x4e00+i/64)), 1))
	}
	return b.String()
}

func TestHeaderLength(t *testing.T) {
	for _, c := range []struct {
		name string
		raw  []byte
		says string
	}{
		{"no bytes", nil, "takes 8"},
		{"seven bytes", make([]byte, 7), "takes 8"},
		{"one byte more than the file has", append([]byte{3, 0, 0, 0, 0, 0, 0, 0}, "{}"...), "the file has 2 after"},
		{"above the limit", append([]byte{0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0}, "{}"...), "at most 100000000"},
		{"negative as a signed number", append(bytes.Repeat([]byte{0xff}, 8), "{}"...), "at most 100000000"},
	} {
		_, err := ReadHeader(bytes.NewReader(c.raw), int64(len(c.raw)))
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.says)
		}
	}
	// The size is the caller's word; a reader that ends before is no panic.
	raw := file(`{`+validEntry+`}`, 8)
	for n := range raw {
		h, err := ReadHeader(bytes.NewReader(raw[:n]), int64(len(raw)))
		if err == nil {
			err = ReadFloats(&ValueReader{R: bytes.NewReader(raw[len(raw)-8 : n])}, h.Tensors[0], make([]float32, 2))
		}
		if !errors.Is(err, ErrFormat) {
			t.Fatalf("%d of %d bytes: %v", n, len(raw), err)
		}
	}
}

func TestValidHeaders(t *testing.T) {
	for _, c := range []struct {
		name, header string
		data, want   int
	}{
		{"nothing", `{}`, 0, 0},
		{"spaces at the end", `{}      `, 0, 0},
		{"space between tokens", "{ \"a\" :\t{ \"data_offsets\" : [ 0 , 8 ] ,\n\"shape\":[ 2 , 1 ],\r\"dtype\":\"F32\" } }", 8, 1},
		{"file order differs from name order", `{"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F64","shape":[],"data_offsets":[8,16]}}`, 16, 2},
		{"empty tensors", `{` + validEntry + `,"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"f":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}`, 8, 3},
		{"metadata last, name empty", `{"":` + validEntry[4:] + `,"__metadata__":{"":""}}`, 8, 1},
		{"escapes", `{"\ud83d\ude00\u00e4\"\/\b\f\n\r\t\\":` + validEntry[4:] + `}`, 8, 1},
	} {
		raw := file(c.header, c.data)
		h, err := ReadHeader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil || len(h.Tensors) != c.want {
			t.Errorf("%s: %v, %v", c.name, h, err)
			continue
		}
		if c.name == "escapes" && h.Tensors[0].Name != "\U0001f600ä\"/\b\f\n\r\t\\" {
			t.Errorf("escapes: name is %q", h.Tensors[0].Name)
		}
	}
}

// TestAllocation holds the reader to twice the file and 1 MiB, whatever a
// header consists of.
func TestAllocation(t *testing.T) {
	entries := func(each func(i int) string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := 0; b.Len() < 4<<20; i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(each(i))
		}
		b.WriteByte('}')
		return b.String()
	}
	name := func(i int) string { return string([]rune{0x4e00 + rune(i%8192), 0x4e00 + rune(i/8192)}) }
	empty := `":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`
	for what, header := range map[string]string{
		"small tensors":     entries(func(i int) string { return `"` + name(i) + empty }),
		"escaped names":     entries(func(i int) string { return `"\n` + name(i) + empty }),
		"many axes":         `{"a":{"dtype":"F32","shape":[0` + strings.Repeat(",0", 2<<20) + `],"data_offsets":[0,0]}}`,
		"names like fields": entries(func(int) string { return `"dtype":"dtype"` }),
		"long metadata":     `{"__metadata__":{"a":"` + strings.Repeat(`\n`, 2<<20) + `"}}`,
		"much metadata":     `{"__metadata__":{` + manyKeys(maxMetadata) + `}}`,
		"spaces":            `{}` + strings.Repeat(" ", 4<<20),
		"claimed length":    "",
	} {
		raw := file(header, 0)
		if header == "" {
			raw = []byte{0, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{', '}'}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ReadHeader(bytes.NewReader(raw), int64(len(raw)))
		runtime.ReadMemStats(&after)
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(2*len(raw)+1<<20); got > limit {
			t.Errorf("%s: %d bytes allocated for a file of %d (%v)", what, got, len(raw), err)
		}
	}
}

func TestElements(t *testing.T) {
	for text, want := range map[string]int64{"": 1, "0": 0, "7": 7, "2, 3\n,4 ": 24, "0,5": 0} {
		x := Tensor{shape: text, DType: F64, begin: 8}
		if got := x.Elements(); got != want {
			t.Errorf("[%s]: %d values, want %d", text, got, want)
		}
		if _, end := x.Offsets(); end != 8+8*want {
			t.Errorf("[%s]: ends at %d", text, end)
		}
		n := 1
		for _, d := range x.Shape() {
			n *= d
		}
		if int64(n) != want || want > math.MaxInt32 {
			t.Errorf("[%s]: shape %v", text, x.Shape())
		}
	}
}

// TestBools: a type that is read where it is asked for.
func TestBools(t *testing.T) {
	raw := file(`{"m":{"dtype":"BOOL","shape":[3],"data_offsets":[8,11]},"i":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`, 11)
	raw[len(raw)-1], raw[len(raw)-3] = 1, 2
	r := bytes.NewReader(raw)
	h, err := ReadHeader(r, int64(len(raw)), Bool)
	if err != nil {
		t.Fatal(err)
	}
	vr := &ValueReader{R: r}
	if err := ReadInts(vr, h.Tensors[0], make([]int64, 1)); err != nil {
		t.Fatal(err)
	}
	got := make([]bool, 3)
	if err := ReadBools(vr, h.Tensors[1], got); err != nil {
		t.Fatal(err)
	}
	if want := []bool{true, false, true}; !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	for name, err := range map[string]error{
		"BOOL as floats": ReadFloats(vr, h.Tensors[1], make([]float32, 3)),
		"I64 as bools":   ReadBools(vr, h.Tensors[0], make([]bool, 1)),
	} {
		var e *FormatError
		if !errors.As(err, &e) || e.Field != "dtype" {
			t.Errorf("%s: %v, want a FormatError of the dtype", name, err)
		}
	}
	raw = file(`{"m":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)
	if _, err := ReadHeader(bytes.NewReader(raw), int64(len(raw)), Bool); err == nil || !strings.Contains(err.Error(), "want F32, F64, I64 or BOOL") {
		t.Errorf("U8: %v", err)
	}
}
