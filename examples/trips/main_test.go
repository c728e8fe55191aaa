// The table is what the guide says it is.

package main

import (
	"encoding/csv"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	var out strings.Builder
	if err := write(&out, 1000, 1, true); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1004 || len(rows[0]) != 7 {
		t.Fatalf("%d rows of %d cells, want 1004 of 7", len(rows), len(rows[0]))
	}
	untipped, unrated := 0, 0
	for _, row := range rows[1:1001] {
		if row[3] == "0.00" {
			untipped++
		}
		if row[6] == "" {
			unrated++
		}
	}
	if untipped < 350 || untipped > 600 || unrated < 150 || unrated > 250 {
		t.Errorf("%d of 1000 trips without a tip and %d without a rating", untipped, unrated)
	}
}
