package main

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/internal/command/commandtest"
)

// sweepArgs is a sweep of two depths and two widths.
func sweepArgs(data string, more ...string) []string {
	return append([]string{
		"sweep", "-data", data, "-ae-epochs", "1", "-flow-epochs", "1", "-embedding", "4",
		"-depths", "1,3", "-widths", "8,16",
	}, more...)
}

// TestSweep: a row of the table for each size, the deeper and the wider with
// more parameters.
func TestSweep(t *testing.T) {
	for _, encoder := range [][]string{{"-encoder", "dense"}, {"-model", filepath.Join(convModel(), modelFile), "-embedding", "9"}} {
		dir := t.TempDir()
		out := mustRun(t, sweepArgs(sliceOfMNIST(), append(encoder, "-out", dir)...)...)
		table := string(readFile(t, dir, "sweep.md"))
		if out != table+filepath.Join(dir, tableFile)+"\n"+filepath.Join(dir, plotFile)+"\n" {
			t.Errorf("printed\n%s\nwritten\n%s", out, table)
		}
		row := regexp.MustCompile(`(?m)^\| (\d+) \| (\d+), \d+ \| (\d+) \| -?[\d.]+ \| -?[\d.]+ \| [\d.]+ \|$`)
		var sizes []string
		var params []int
		for _, r := range row.FindAllStringSubmatch(table, -1) {
			sizes = append(sizes, r[1]+"x"+r[2])
			n, _ := strconv.Atoi(r[3])
			params = append(params, n)
		}
		if got := strings.Join(sizes, " "); got != "1x8 3x8 1x16 3x16" {
			t.Fatalf("rows %s of\n%s", got, table)
		}
		if !(params[0] < params[1] && params[0] < params[2] && params[2] < params[3]) {
			t.Errorf("parameters %v", params)
		}
		if got := commandtest.PNGSize(t, dir, "sweep.png"); got != "576x432" {
			t.Errorf("a plot of %s", got)
		}
	}
}

// TestSweepInterrupted keeps the flows that were finished.
func TestSweepInterrupted(t *testing.T) {
	dir := t.TempDir()
	args := sweepArgs(sliceOfMNIST(), "-encoder", "pca", "-out", dir)
	o := cancelAt("flow 3x8 1/1", args...)
	dir = filepath.Join(dir, "unfinished")
	if o.code != 130 || !strings.Contains(o.log, "latentflow sweep: interrupted; 2 of 4 flows are in "+dir+"\n") {
		t.Errorf("code %d, %s", o.code, o.log)
	}
	if rows := strings.Count(string(readFile(t, dir, "sweep.md")), "\n"); rows != 4 {
		t.Errorf("%d lines, want 2 of a head and 2 flows", rows)
	}
	commandtest.PNGSize(t, dir, "sweep.png")

	for _, at := range []string{"data:", "autoencoder 1/"} {
		empty := t.TempDir()
		o = cancelAt(at, sweepArgs(sliceOfMNIST(), "-encoder", "dense", "-out", empty)...)
		if o.code != 130 || !strings.Contains(o.log, "nothing is written") || strings.Count(tree(t, empty), "\n") != 1 {
			t.Errorf("%s: code %d, %s", at, o.code, o.log)
		}
	}
}
