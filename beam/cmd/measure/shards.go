// Shards as files.

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// sorted are rows by their first column.
func sorted(rows [][]float32) [][]float32 {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b []float32) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	})
	return rows
}

// written writes a file of CSV for each shard.
func written(dir string, shards [][][]float32) (files []string, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "fit"), 0o755); err != nil {
		return nil, err
	}
	for k, rows := range shards {
		name := filepath.Join(dir, fmt.Sprintf("shard-%05d.csv", k))
		f, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		w := bufio.NewWriter(f)
		for j := range rows[0] {
			if j > 0 {
				w.WriteByte(',')
			}
			w.WriteString("x" + strconv.Itoa(j))
		}
		for _, row := range rows {
			for j, v := range row {
				w.WriteByte(",\n"[b2i(j == 0)])
				w.WriteString(strconv.FormatFloat(float64(v), 'g', -1, 32))
			}
		}
		w.WriteByte('\n')
		if err := w.Flush(); err != nil { // which has the errors of all writes
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
		files = append(files, name)
	}
	return files, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
