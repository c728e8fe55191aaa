// NDJSON, read: an object a line, of texts, numbers, booleans and nulls.

package table

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
)

// firstRows of NDJSON are read ahead: their keys are the columns.
const firstRows = 100

// jsonRows are rows of NDJSON.
type jsonRows struct {
	in    *bufio.Reader
	long  []byte // a line that is longer than the buffer
	at    int    // the latest line
	seen  int    // lines that were read
	ahead []jsonRow
	index map[string]int
	set   []int // the row that a column was in last
	row   int
	text  []byte // the latest row
}

// jsonRow is a row that was read ahead.
type jsonRow struct {
	line  int
	text  []byte
	keys  []string
	cells []string
}

// startNDJSON reads the first rows for their keys.
func (r *Reader) startNDJSON(in *bufio.Reader, o ReaderOptions) error {
	rows := &jsonRows{in: in, index: map[string]int{}}
	add := func(name string) {
		if _, ok := rows.index[name]; !ok {
			rows.index[name] = len(r.names)
			r.names = append(r.names, name)
		}
	}
	for len(rows.ahead) < firstRows {
		text, err := rows.nextLine()
		if err == io.EOF {
			break
		}
		if err != nil {
			return inputError(err, len(rows.ahead)+1, rows.seen)
		}
		row := jsonRow{line: rows.seen, text: bytes.Clone(text)}
		err = parseObject(text, func(name []byte, cell string) error {
			key := string(name)
			if slices.Contains(row.keys, key) {
				return fmt.Errorf("the key %s is there twice", quoted(key))
			}
			row.keys, row.cells = append(row.keys, key), append(row.cells, cell)
			add(key)
			return nil
		})
		if err != nil {
			return fmt.Errorf("table: line %d: %w: %w", rows.seen, err, ErrInput)
		}
		rows.ahead = append(rows.ahead, row)
	}
	if len(r.names) == 0 {
		return fmt.Errorf("table: the first rows have no keys, want JSON objects with a key a column: %w", ErrInput)
	}
	for _, name := range o.Columns {
		add(name)
	}
	rows.set = make([]int, len(r.names))
	r.rows, r.header = rows, true
	return nil
}

// nextLine is the next line that is not blank.
func (j *jsonRows) nextLine() ([]byte, error) {
	for {
		j.long = j.long[:0]
		text, err := j.in.ReadSlice('\n')
		for err == bufio.ErrBufferFull {
			if j.long = append(j.long, text...); len(j.long) > maxRowBytes {
				return nil, fmt.Errorf("table: line %d has more than %d bytes: is it JSON with a line an object? %w", j.seen+1, maxRowBytes, ErrInput)
			}
			text, err = j.in.ReadSlice('\n')
		}
		if len(j.long) > 0 {
			j.long = append(j.long, text...)
			text = j.long
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(text) > 0 {
			j.seen++
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return text, nil
		}
		if err == io.EOF {
			return nil, io.EOF
		}
	}
}

func (j *jsonRows) read(cells []string) error {
	clear(cells)
	if len(j.ahead) > 0 {
		row := j.ahead[0]
		j.ahead = j.ahead[1:]
		j.at, j.row, j.text = row.line, j.row+1, row.text
		for i, key := range row.keys {
			cells[j.index[key]] = row.cells[i]
		}
		return nil
	}
	text, err := j.nextLine()
	if j.at, j.text = j.seen, text; err != nil {
		return err
	}
	j.row++
	err = parseObject(text, func(key []byte, cell string) error {
		i, ok := j.index[string(key)]
		switch {
		case !ok:
			return fmt.Errorf("the key %s is none of the columns, which are the keys of the first %d rows", quoted(string(key)), firstRows)
		case j.set[i] == j.row:
			return fmt.Errorf("the key %s is there twice", quoted(string(key)))
		}
		j.set[i], cells[i] = j.row, cell
		return nil
	})
	if err != nil {
		return fmt.Errorf("table: row %d (line %d): %w: %w", j.row, j.at, err, ErrInput)
	}
	return nil
}

func (j *jsonRows) line() int { return j.at }
