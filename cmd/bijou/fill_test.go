// The commands fill and predict.

package main

import (
	"encoding/csv"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command"
)

// rowsOf reads CSV with a header.
func rowsOf(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%v: %q", err, text)
	}
	return rows
}

// TestFill: cells that are there stay, missing ones are filled by what goes with the others: a
// weight is about ten times the colour's number.
func TestFill(t *testing.T) {
	dir := model(t)
	data := "when,id,colour,size,price,weight,sold,note\n" +
		"2024-05-03,7,red,1,0.50,,true,x\n" +
		"2024-05-03,8,blue,3,2.50,,true,y\n" +
		"2024-05-03,9,,0,0.30,0.1,true,\n" +
		"2024-05-04,10,green,2,1.50,10.25,false,z\n"
	file := write(t, "holes.csv", data)
	for _, draw := range [][]string{nil, {"-draw"}} {
		args := append([]string{"fill", "-model", filepath.Join(dir, "model.safetensors"), file, "-extra"}, draw...)
		r := do(args...)
		if r.code != command.Done || !strings.Contains(r.log, "3 cells filled in 3 of 4 rows") {
			t.Fatalf("%v: %+v", draw, r)
		}
		if again := do(args...); again.out != r.out {
			t.Errorf("%v: the same seed fills otherwise", draw)
		}
		rows := rowsOf(t, r.out)
		light, heavy := numberOf(t, rows[1][5]), numberOf(t, rows[2][5])
		near := 8.0
		if draw != nil { // one draw each, of a model of four epochs
			near = 12
		}
		if !(math.Abs(light) < near && math.Abs(heavy-20) < near && heavy > light+5) {
			t.Errorf("%v: weights of red and blue are filled with %v and %v, want about 0 and 20", draw, light, heavy)
		}
		if rows[3][2] != "red" {
			t.Errorf("%v: what weighs 0.1 is %q, want red", draw, rows[3][2])
		}
		rows[1][5], rows[2][5], rows[3][2] = "", "", ""
		for i, want := range rowsOf(t, data) {
			if strings.Join(rows[i], ",") != strings.Join(want, ",") {
				t.Errorf("%v: row %d is %v, was %v", draw, i, rows[i], want)
			}
		}
	}
	strict := do("fill", "-model", filepath.Join(dir, "model.safetensors"), write(t, "text.csv", strings.Replace(data, "10.25", "heavy", 1)), "-extra")
	if strict.code != command.Failed || !strings.Contains(strict.log, "row 4") || !strings.Contains(strict.log, "heavy") {
		t.Errorf("text in a number: %+v", strict)
	}
}

func numberOf(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestPredict: the column need not be there; probabilities sum to 1, and numbers have a mean within
// their quantiles.
func TestPredict(t *testing.T) {
	dir := model(t)
	m := filepath.Join(dir, "model.safetensors")
	file := write(t, "new.csv", "size,price,weight,sold,when\n1,0.50,0.1,true,2024-05-03\n3,2.50,20.1,true,2024-05-03\n2,1.40,,true,\n")
	r := do("predict", "-model", m, "-column", "colour", file)
	if r.code != command.Done {
		t.Fatalf("%+v", r)
	}
	rows := rowsOf(t, r.out)
	if got := strings.Join(rows[0][5:], ","); got != "predicted,probability,p(blue),p(green),p(red)" {
		t.Errorf("columns %s", got)
	}
	for i, want := range []string{"red", "blue", ""} {
		row := rows[i+1]
		sum, most := 0.0, 0.0
		for _, text := range row[7:] {
			sum += numberOf(t, text)
			most = max(most, numberOf(t, text))
		}
		if want != "" && row[5] != want || math.Abs(sum-1) > 1e-4 || numberOf(t, row[6]) != most {
			t.Errorf("row %d: %v, want %s", i+1, row, want)
		}
	}
	file = write(t, "new.csv", "size,price,weight,sold,when,colour\n1,0.50,not looked at,true,2024-05-03,red\n3,2.50,,true,2024-05-03,blue\n")
	r = do("predict", "-model", m, "-column", "weight", file)
	if r.code != command.Done {
		t.Fatalf("%+v", r)
	}
	for i, row := range rowsOf(t, r.out)[1:] {
		mean, lower, upper := numberOf(t, row[6]), numberOf(t, row[7]), numberOf(t, row[8])
		if want := []float64{0, 20}[i]; !(lower < mean && mean < upper) || math.Abs(mean-want) > 5 {
			t.Errorf("row %d: mean %v between %v and %v, want about %v", i+1, mean, lower, upper, want)
		}
	}
	if r := do("predict", "-model", m, "-column", "shape", file); r.code != command.WrongFlags || !strings.Contains(r.log, "colour, size") {
		t.Errorf("%+v", r)
	}
}

// TestScoreBySurprise: the surprise is appended, and p-values and flags go by it.
func TestScoreBySurprise(t *testing.T) {
	dir := model(t)
	m := filepath.Join(dir, "model.safetensors")
	file := write(t, "new.csv", "id,colour,size,price,weight,sold,when\n1,red,1,0.50,0.1,true,2024-05-03\n2,red,1,0.50,60.5,true,2024-05-03\n")
	r := do("score", "-model", m, "-by", "surprise", file)
	if r.code != command.Done {
		t.Fatalf("%+v", r)
	}
	rows := rowsOf(t, r.out)
	if got := strings.Join(rows[0][7:], ","); got != "log_density,surprise,p_value,flag" {
		t.Errorf("columns %s", got)
	}
	if a, b := numberOf(t, rows[1][8]), numberOf(t, rows[2][8]); !(a >= 0 && b > a+3) || !(numberOf(t, rows[2][9]) < numberOf(t, rows[1][9])) {
		t.Errorf("surprises %v and %v, p-values %s and %s", a, b, rows[1][9], rows[2][9])
	}
}
