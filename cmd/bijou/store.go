// Encoded rows for training: in memory, or in a temporary file where they are
// many.

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"os"
)

// store holds encoded rows as float32, the type that the model computes in.
type store struct {
	width  int
	rows   int
	most   int         // rows in memory
	memory [][]float32 // chunkRows of them each
	file   *os.File    // nil: all are in memory
	out    *bufio.Writer
	buffer []byte
}

const chunkRows = 1 << 14

// newStore makes one for rows of a width, with up to megabytes of them in memory.
func newStore(width, megabytes int) *store {
	return &store{width: width, most: megabytes << 18 / width}
}

// add adds a row.
func (s *store) add(row []float64) error {
	if s.file == nil && s.rows >= s.most {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if s.file == nil {
		if s.rows%chunkRows == 0 {
			s.memory = append(s.memory, make([]float32, 0, min(chunkRows, s.most-s.rows)*s.width))
		}
		last := &s.memory[len(s.memory)-1]
		for _, v := range row {
			*last = append(*last, float32(v))
		}
		s.rows++
		return nil
	}
	s.rows++
	for _, v := range row {
		if err := s.put(float32(v)); err != nil {
			return err
		}
	}
	return nil
}

// spill moves the rows to a file.
func (s *store) spill() (err error) {
	if s.file, err = temporary(); err != nil {
		return err
	}
	s.out = bufio.NewWriterSize(s.file, 1<<20)
	for _, chunk := range s.memory {
		for _, v := range chunk {
			if err := s.put(v); err != nil {
				return err
			}
		}
	}
	s.memory = nil
	return nil
}

func (s *store) put(v float32) error {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
	if _, err := s.out.Write(b[:]); err != nil {
		return fmt.Errorf("rows in a temporary file: %w; TMPDIR in the environment names another directory, and -memory keeps more of them in memory", err)
	}
	return nil
}

// finish is called behind the last row.
func (s *store) finish() error {
	if s.file == nil {
		return nil
	}
	return s.out.Flush()
}

// Len is the number of rows.
func (s *store) Len() int { return s.rows }

// Codes reads rows, one behind the other, into dst.
func (s *store) Codes(dst []float64, rows []int) error {
	for i := 0; i < len(rows); {
		run := 1 // rows that stand behind each other are read at once
		for i+run < len(rows) && rows[i+run] == rows[i]+run {
			run++
		}
		if rows[i] < 0 || rows[i]+run > s.rows {
			return fmt.Errorf("row %d of %d", rows[i]+run-1, s.rows)
		}
		if err := s.read(dst[i*s.width:(i+run)*s.width], rows[i]); err != nil {
			return err
		}
		i += run
	}
	return nil
}

// read reads values from a row on.
func (s *store) read(dst []float64, row int) error {
	if s.file == nil {
		for ; len(dst) > 0; row++ {
			at := row % chunkRows * s.width
			for k, v := range s.memory[row/chunkRows][at : at+s.width] {
				dst[k] = float64(v)
			}
			dst = dst[s.width:]
		}
		return nil
	}
	n := 4 * len(dst)
	if cap(s.buffer) < n {
		s.buffer = make([]byte, n)
	}
	b := s.buffer[:n]
	if _, err := s.file.ReadAt(b, 4*int64(row)*int64(s.width)); err != nil {
		return fmt.Errorf("rows in a temporary file: %w", err)
	}
	for k := range dst {
		dst[k] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*k:])))
	}
	return nil
}

func (s *store) close() {
	if s.file != nil {
		discard(s.file)
	}
}
