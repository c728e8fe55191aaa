//go:build (linux || darwin) && (amd64 || arm64)

// The C interface of ONNX Runtime, called without cgo.

package bijouonnx

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"github.com/ebitengine/purego"
	"google.golang.org/protobuf/encoding/protowire"
)

// The functions of OrtApi that are called, by their places in that structure,
// which later versions only ever append to.
const (
	ortGetErrorMessage       = 2
	ortCreateEnv             = 3
	ortCreateSession         = 8 // FromArray
	ortRun                   = 9
	ortCreateSessionOptions  = 10
	ortCreateTensor          = 49 // WithDataAsOrtValue
	ortGetTensorData         = 51 // Mutable
	ortGetElementType        = 60
	ortGetDimensionsCount    = 61
	ortGetDimensions         = 62
	ortGetTypeAndShape       = 65
	ortCreateCPUMemoryInfo   = 69
	ortReleaseStatus         = 93
	ortReleaseSession        = 95
	ortReleaseValue          = 96
	ortReleaseTypeAndShape   = 99
	ortReleaseSessionOptions = 100
	ortFunctions             = 101
	ortVersion               = 11 // of the interface: ONNX Runtime 1.11 and later
	ortFatal                 = 4  // what is written to standard error
)

// library is ONNX Runtime in this process.
type library struct {
	functions   []uintptr
	env, memory uintptr
}

func openLibrary(path string) (*library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	get, err := purego.Dlsym(handle, "OrtGetApiBase")
	if err != nil {
		return nil, err
	}
	base, _, _ := purego.SyscallN(get)
	if base == 0 {
		return nil, errors.New("it has no interface")
	}
	api, _, _ := purego.SyscallN(at[uintptr](base, 1)[0], ortVersion)
	if api == 0 {
		return nil, fmt.Errorf("it lacks version %d of the interface; take ONNX Runtime 1.11 or later", ortVersion)
	}
	l := &library{functions: at[uintptr](api, ortFunctions)}
	name := []byte("bijou\x00")
	if err := l.call(ortCreateEnv, ortFatal, uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&l.env))); err != nil {
		return nil, err
	}
	return l, l.call(ortCreateCPUMemoryInfo, 1, 0, uintptr(unsafe.Pointer(&l.memory))) // arena, default
}

// at are n values of C's at an address.
func at[E any](address uintptr, n int) []E { return unsafe.Slice(*(**E)(unsafe.Pointer(&address)), n) }

// call calls a function that returns a status.
//
//go:uintptrescapes
func (l *library) call(function int, args ...uintptr) error {
	status, _, _ := purego.SyscallN(l.functions[function], args...)
	if status == 0 {
		return nil
	}
	text, _, _ := purego.SyscallN(l.functions[ortGetErrorMessage], status)
	message := at[byte](text, 1<<12)
	message = slices.Clone(message[:max(0, slices.Index(message, 0))])
	l.release(ortReleaseStatus, status)
	return errors.New(string(message))
}

func (l *library) release(function int, handle uintptr) {
	if handle != 0 {
		_, _, _ = purego.SyscallN(l.functions[function], handle)
	}
}

// nativeSession is a model in ONNX Runtime.
type nativeSession struct {
	net     *network
	library *library
	handle  uintptr
}

func newNativeSession(n *network, l *library) (session, error) {
	raw := n.raw
	if !slices.Contains(n.model.OutputsNames, n.output) {
		// Messages of protocol buffers are merged when they are joined: the graph
		// (field 7) gets one more output (field 12) of a name (field 1).
		output := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), n.output)
		graph := protowire.AppendBytes(protowire.AppendTag(nil, 12, protowire.BytesType), output)
		raw = protowire.AppendBytes(protowire.AppendTag(slices.Clone(raw), 7, protowire.BytesType), graph)
	}
	var options uintptr
	if err := l.call(ortCreateSessionOptions, uintptr(unsafe.Pointer(&options))); err != nil {
		return nil, n.refused(err)
	}
	defer func() { l.release(ortReleaseSessionOptions, options) }()
	s := &nativeSession{net: n, library: l}
	if err := l.call(ortCreateSession, l.env, uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw)), options, uintptr(unsafe.Pointer(&s.handle))); err != nil {
		return nil, n.refused(err)
	}
	runtime.AddCleanup(s, func(handle uintptr) { l.release(ortReleaseSession, handle) }, s.handle)
	return s, nil
}

func (s *nativeSession) run(rows int, flat []any) (values []float64, shape []int, err error) {
	l := s.library
	var pins runtime.Pinner
	defer pins.Unpin()
	word := func(name string) uintptr {
		b := append([]byte(name), 0)
		pins.Pin(&b[0])
		return uintptr(unsafe.Pointer(&b[0]))
	}
	var names, inputs []uintptr
	defer func() {
		for _, v := range inputs {
			l.release(ortReleaseValue, v)
		}
	}()
	for i, p := range s.net.ports {
		address, size, kind := memory(flat[i])
		pins.Pin(address)
		var lengths []int64
		for _, d := range p.lengths(rows) {
			lengths = append(lengths, int64(d))
		}
		var value uintptr
		if err := l.call(ortCreateTensor, l.memory, uintptr(address), uintptr(size), uintptr(unsafe.Pointer(&lengths[0])), uintptr(len(lengths)), kind, uintptr(unsafe.Pointer(&value))); err != nil {
			return nil, nil, s.net.refused(err)
		}
		names, inputs = append(names, word(p.name)), append(inputs, value)
	}
	wanted := []uintptr{word(s.net.output)}
	result := make([]uintptr, 1)
	err = l.call(ortRun, s.handle, 0, uintptr(unsafe.Pointer(&names[0])), uintptr(unsafe.Pointer(&inputs[0])), uintptr(len(inputs)),
		uintptr(unsafe.Pointer(&wanted[0])), 1, uintptr(unsafe.Pointer(&result[0])))
	runtime.KeepAlive(s)
	if err != nil {
		return nil, nil, s.net.refused(err)
	}
	defer func() { l.release(ortReleaseValue, result[0]) }()
	if values, shape, err = l.read(result[0]); err != nil {
		err = s.net.refused(err)
	}
	return values, shape, err
}

// read copies a tensor of ONNX Runtime.
func (l *library) read(value uintptr) (values []float64, shape []int, err error) {
	var info, data, axes uintptr
	if err := l.call(ortGetTypeAndShape, value, uintptr(unsafe.Pointer(&info))); err != nil {
		return nil, nil, err
	}
	defer func() { l.release(ortReleaseTypeAndShape, info) }()
	var kind uint32
	if err := errors.Join(
		l.call(ortGetElementType, info, uintptr(unsafe.Pointer(&kind))),
		l.call(ortGetDimensionsCount, info, uintptr(unsafe.Pointer(&axes))),
		l.call(ortGetTensorData, value, uintptr(unsafe.Pointer(&data))),
	); err != nil {
		return nil, nil, err
	}
	n, lengths := 1, make([]int64, axes+1) // one more, so that there is a first
	if err := l.call(ortGetDimensions, info, uintptr(unsafe.Pointer(&lengths[0])), axes); err != nil {
		return nil, nil, err
	}
	for _, d := range lengths[:axes] {
		shape, n = append(shape, int(d)), n*int(d)
	}
	if n == 0 {
		return nil, shape, nil
	}
	switch kind {
	case 1:
		return widen(at[float32](data, n)), shape, nil
	case 11:
		return widen(at[float64](data, n)), shape, nil
	case 6:
		return widen(at[int32](data, n)), shape, nil
	case 7:
		return widen(at[int64](data, n)), shape, nil
	}
	return nil, nil, fmt.Errorf("the output holds type %d of ONNX, want a float type", kind)
}

// memory is where values lie, how many bytes they are, and ONNX's number of
// their type.
func memory(flat any) (address unsafe.Pointer, size int, kind uintptr) {
	switch v := flat.(type) {
	case []float32:
		return unsafe.Pointer(&v[0]), 4 * len(v), 1
	case []float64:
		return unsafe.Pointer(&v[0]), 8 * len(v), 11
	case []int64:
		return unsafe.Pointer(&v[0]), 8 * len(v), 7
	case []int32:
		return unsafe.Pointer(&v[0]), 4 * len(v), 6
	case []int16:
		return unsafe.Pointer(&v[0]), 2 * len(v), 5
	case []int8:
		return unsafe.Pointer(&v[0]), len(v), 3
	}
	v := flat.([]uint8)
	return unsafe.Pointer(&v[0]), len(v), 2
}
