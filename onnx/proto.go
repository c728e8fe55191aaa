// The messages of the ONNX format, written field by field: generated types
// would register names that collide with those of other ONNX packages in a
// user's program.

package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Versions that the models ask for.
const (
	irVersion    = 8
	opsetVersion = 17
)

// Numbers of onnx.proto: element types and attribute types.
const (
	elemFloat  = 1
	elemInt64  = 7
	elemDouble = 11

	attrInt  = 2
	attrInts = 7
)

// message is an encoded message that grows.
type message []byte

func (m *message) int(field protowire.Number, v int64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, uint64(v))
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, v)
}

func (m *message) string(field protowire.Number, v string) { m.bytes(field, []byte(v)) }

// attribute encodes an AttributeProto of an int or of []int.
func attribute(name string, v any) message {
	var m message
	m.string(1, name)
	switch v := v.(type) {
	case int:
		m.int(3, int64(v))
		m.int(20, attrInt)
	case []int:
		for _, i := range v {
			m.int(8, int64(i))
		}
		m.int(20, attrInts)
	}
	return m
}

// tensor encodes a TensorProto with its values in raw, little-endian.
func tensorOf(name string, elem int64, shape []int, raw []byte) message {
	var m message
	for _, d := range shape {
		m.int(1, int64(d))
	}
	m.int(2, elem)
	m.string(8, name)
	m.bytes(9, raw)
	return m
}

// valueInfo encodes a ValueInfoProto: n rows, and the other dimensions.
func valueInfo(name string, elem int64, dims ...int) message {
	var rows, shape, tensor, typ, m message
	rows.string(2, "n")
	shape.bytes(1, rows)
	for _, d := range dims {
		var dim message
		dim.int(1, int64(d))
		shape.bytes(1, dim)
	}
	tensor.int(1, elem)
	tensor.bytes(2, shape)
	typ.bytes(1, tensor)
	m.string(1, name)
	m.bytes(2, typ)
	return m
}

// modelOf encodes a ModelProto.
func modelOf(graph message, doc string) message {
	var opset, m message
	opset.string(1, "")
	opset.int(2, opsetVersion)
	m.int(1, irVersion)
	m.string(2, "bijou")
	m.string(6, doc)
	m.bytes(7, graph)
	m.bytes(8, opset)
	return m
}

// encodeFloats encodes values in an element type.
func encodeFloats(elem int64, values []float64) []byte {
	if elem == elemDouble {
		out := make([]byte, 0, 8*len(values))
		for _, v := range values {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		}
		return out
	}
	out := make([]byte, 0, 4*len(values))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
	}
	return out
}

func encodeInts(values []int) []byte {
	out := make([]byte, 0, 8*len(values))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint64(out, uint64(v))
	}
	return out
}
