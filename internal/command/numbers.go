// CSV files of numbers alone, which experiments read.

package command

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
)

// ReadNumbers reads a CSV of numbers under one line of names.
func ReadNumbers(path string) ([][]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s: no lines, want a line of names and rows of numbers", path)
	}
	rows := make([][]float64, len(lines)-1)
	for i, line := range lines[1:] {
		for j, cell := range line {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: line %d, column %q: %q, want a number", path, i+2, lines[0][j], cell)
			}
			rows[i] = append(rows[i], v)
		}
	}
	return rows, nil
}
