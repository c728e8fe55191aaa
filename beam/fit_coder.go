// What shards come to, and sums of it, as bytes.

package bijoubeam

import (
	"encoding/binary"
	"math"
)

func encodeResult(r shardResult) ([]byte, error) {
	b := make([]byte, 0, 40+4*len(r.Values)+8*len(r.Floats))
	b = binary.LittleEndian.AppendUint64(binary.AppendVarint(b, r.Rows), math.Float64bits(r.Loss))
	return appendFloat64s(appendFloat32s(b, r.Values), r.Floats), nil
}

func decodeResult(raw []byte) (shardResult, error) {
	p := parser{rest: raw}
	r := shardResult{Rows: p.varint(), Loss: float64At(p.take(8), 0), Values: p.float32s(), Floats: p.float64s()}
	return r, p.end("result of a shard")
}

func encodeSum(a meanSum) ([]byte, error) {
	b := make([]byte, 0, 40+16*len(a.High))
	b = binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(b, a.Rows), int64(a.Shards)), a.Bytes)
	b = binary.AppendUvarint(b, uint64(len(a.High)))
	for i, high := range a.High {
		b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, uint64(high)), a.Low[i])
	}
	return b, nil
}

func decodeSum(raw []byte) (meanSum, error) {
	p := parser{rest: raw}
	a := meanSum{Rows: p.varint(), Shards: int(p.varint()), Bytes: p.varint()}
	if n := p.count(16); n > 0 {
		a.High, a.Low = make([]int64, n), make([]uint64, n)
	}
	for i, b := 0, p.take(16*len(a.High)); i < len(a.High); i++ {
		a.High[i], a.Low[i] = int64(binary.LittleEndian.Uint64(b[16*i:])), binary.LittleEndian.Uint64(b[16*i+8:])
	}
	return a, p.end("sum of shards")
}
