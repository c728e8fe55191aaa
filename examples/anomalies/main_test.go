// What is flagged, and how often in error.

package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	var flagged int
	if _, err := fmt.Sscanf(out.String(), "%d of 1000", &flagged); err != nil || flagged < 1 || flagged > 30 {
		t.Errorf("%d of 1000 ordinary rows flagged, want about 10", flagged)
	}
	if n := strings.Count(out.String(), ": anomaly true"); n != 3 {
		t.Errorf("%d of 3 anomalies flagged:\n%s", n, out.String())
	}
}
