// The clients: little more than bytes, since they share the service's cores.

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// object is a random row in JSON.
func object(rng *rand.Rand, columns int) []byte {
	b := []byte{'{'}
	keys := names(columns)
	for j, cell := range cells(rng, columns) {
		if j > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, keys[j]), ':')
		if j%5 == 4 {
			b = strconv.AppendQuote(b, cell)
		} else {
			b = append(b, cell...)
		}
	}
	return append(b, '}')
}

// array is a random row of numbers in JSON.
func array(rng *rand.Rand, columns int) []byte {
	b := []byte{'['}
	for j := range columns {
		if j > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, rng.NormFloat64(), 'f', 6, 64)
	}
	return append(b, ']')
}

// memory is what the service has of the system, in MB; 0 where it does not say.
func memory(host string) float64 {
	r, err := http.Get("http://" + host + "/metrics")
	if err != nil {
		return 0
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	_, rest, _ := bytes.Cut(text, []byte("\nbijou_memory_system_bytes "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	v, _ := strconv.ParseFloat(string(line), 64)
	return v / 1e6
}

// singles asks for single rows, on each connection one after the other.
func singles(ctx context.Context, host string, row func(*rand.Rand, int) []byte, columns, connections int, long time.Duration, w io.Writer) error {
	before := memory(host)
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	times, errs := make([][]time.Duration, connections), make([]error, connections)
	start := time.Now()
	var all sync.WaitGroup
	for k := range connections {
		all.Add(1)
		go func() {
			defer all.Done()
			times[k], errs[k] = askOn(ctx, host, row, columns, uint64(k))
		}()
	}
	all.Wait()
	took := time.Since(start).Seconds()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	t := slices.Concat(times...)
	slices.Sort(t)
	at := func(share float64) float64 {
		return t[min(int(share*float64(len(t))), len(t)-1)].Seconds() * 1e3
	}
	rate := float64(len(t)) / took
	fmt.Fprintf(w, "| single rows, %d connections, %.0f s | %.0f | %.0f | %.2f | %.2f | %.2f | %.1f | %.1f |\n", connections, took, rate, rate, at(0.5), at(0.99), at(0.999), before, memory(host))
	return nil
}

// askOn asks on one connection until ctx ends.
func askOn(ctx context.Context, host string, row func(*rand.Rand, int) []byte, columns int, seed uint64) (times []time.Duration, err error) {
	c, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	rng := rand.New(rand.NewPCG(seed, 3))
	requests := make([][]byte, 64)
	for i := range requests {
		body := row(rng, columns)
		requests[i] = fmt.Appendf(nil, "POST /v1/score HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
	}
	in := bufio.NewReader(c)
	for i := 0; ctx.Err() == nil; i++ {
		start := time.Now()
		if _, err := c.Write(requests[i%len(requests)]); err != nil {
			return times, err
		}
		if err := answer(in); err != nil {
			return times, err
		}
		times = append(times, time.Since(start))
	}
	return times, nil
}

// answer reads an answer of HTTP/1.1 that has its length.
func answer(in *bufio.Reader) error {
	status, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(status, "HTTP/1.1 200") {
		return fmt.Errorf("the answer %q", status)
	}
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err = in.Discard(length)
	return err
}

// stream sends rows of NDJSON in one request, and counts the answers.
func stream(ctx context.Context, host string, row func(*rand.Rand, int) []byte, columns, rows int, w io.Writer) error {
	before := memory(host)
	rng := rand.New(rand.NewPCG(9, 3))
	lines := make([][]byte, 1000)
	for i := range lines {
		lines[i] = append(row(rng, columns), '\n')
	}
	r, body := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(body, 64<<10)
		for i := range rows {
			out.Write(lines[i%len(lines)])
		}
		body.CloseWithError(out.Flush())
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+"/v1/score", r)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	start := time.Now()
	a, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	count, in := 0, bufio.NewScanner(a.Body)
	for in.Scan() {
		if count++; !bytes.HasPrefix(in.Bytes(), []byte(`{"log_density":`)) {
			return fmt.Errorf("answer %d is %s", count, in.Text())
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	if count != rows {
		return fmt.Errorf("%d answers of %d rows", count, rows)
	}
	took := time.Since(start).Seconds()
	fmt.Fprintf(w, "| NDJSON, %d rows in %.1f s | | %.0f | | | | %.1f | %.1f |\n", rows, took, float64(rows)/took, before, memory(host))
	return nil
}
