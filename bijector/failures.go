package bijector

import "sync"

// Failures collects the non-finite rows that several goroutines find. The
// zero value is ready.
type Failures struct {
	mu    sync.Mutex
	first int
	count int
}

// Note adds what Rows.Load returned.
func (f *Failures) Note(first, count int) {
	if count == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == 0 || first < f.first {
		f.first = first
	}
	f.count += count
}

// Err is nil where nothing was noted, and a RowError otherwise; n is the
// number of rows looked at.
func (f *Failures) Err(what string, n int) error {
	if f.count == 0 {
		return nil
	}
	return &RowError{What: what, Row: f.first, Count: f.count, N: n}
}
