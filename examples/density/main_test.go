// One call, cut short, tells a row on the curve from one beside it.

package main

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/auto"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(&out, filepath.Join(t.TempDir(), "model.safetensors"), auto.Options{Steps: 60}); err != nil {
		t.Fatal(err)
	}
	p := regexp.MustCompile(`p-value (\d\.\d+)`).FindAllStringSubmatch(out.String(), -1)
	if len(p) != 2 {
		t.Fatalf("output without two p-values:\n%s", out.String())
	}
	on, _ := strconv.ParseFloat(p[0][1], 64)
	beside, _ := strconv.ParseFloat(p[1][1], 64)
	if !(on > 0.05 && beside < 0.01) {
		t.Errorf("p-values of %v on the curve and %v beside it:\n%s", on, beside, out.String())
	}
}
