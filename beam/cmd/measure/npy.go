// Rows of files.

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
)

// rowsOfFiles are the rows of two files, in units in which those of the first have mean 0 and
// variance 1. Those of the first are shuffled.
func rowsOfFiles(trained, tested string, rng *rand.Rand) (data, held [][]float32, err error) {
	if data, err = readNPY(trained); err != nil {
		return nil, nil, err
	}
	if held, err = readNPY(tested); err != nil {
		return nil, nil, err
	}
	for j := range data[0] {
		sum, squares, n := 0.0, 0.0, float64(len(data))
		for _, row := range data {
			sum += float64(row[j])
			squares += float64(row[j]) * float64(row[j])
		}
		mean := sum / n
		scale := math.Sqrt(squares/n - mean*mean)
		for _, rows := range [][][]float32{data, held} {
			for _, row := range rows {
				row[j] = float32((float64(row[j]) - mean) / scale)
			}
		}
	}
	rng.Shuffle(len(data), func(i, k int) { data[i], data[k] = data[k], data[i] })
	return data, held, nil
}

var npyShape = regexp.MustCompile(`'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\)`)

// readNPY reads a matrix of float32 in NumPy's format, version 1.
func readNPY(path string) ([][]float32, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(raw) < 10 || !bytes.HasPrefix(raw, []byte("\x93NUMPY\x01")) {
		return nil, fmt.Errorf("%s: no .npy file of version 1", path)
	}
	head := 10 + int(binary.LittleEndian.Uint16(raw[8:]))
	shape := npyShape.FindSubmatch(raw[:min(head, len(raw))])
	if shape == nil {
		return nil, fmt.Errorf("%s: want a matrix of float32, row by row", path)
	}
	n, _ := strconv.Atoi(string(shape[1])) // digits
	d, _ := strconv.Atoi(string(shape[2]))
	if n < 1 || d < 1 || len(raw)-head != 4*n*d {
		return nil, fmt.Errorf("%s: %d bytes behind the head, want %d rows of %d float32", path, len(raw)-head, n, d)
	}
	rows := make([][]float32, n)
	for i := range rows {
		for j := range d {
			rows[i] = append(rows[i], math.Float32frombits(binary.LittleEndian.Uint32(raw[head+4*(i*d+j):])))
		}
	}
	return rows, nil
}
