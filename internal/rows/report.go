// Which rows were not finite, and where.

package rows

// Bad counts rows and knows the first of them.
type Bad struct{ First, Count int }

// Add counts count more rows, the first of which is first.
func (b *Bad) Add(first, count int) {
	if count == 0 {
		return
	}
	if b.Count == 0 || first < b.First {
		b.First = first
	}
	b.Count += count
}

// Merge counts the rows of another account.
func (b *Bad) Merge(o Bad) { b.Add(o.First, o.Count) }

// Report says which rows were not finite: in what was given, in its context,
// and in what was computed from rows that were finite.
type Report struct{ Input, Context, Result Bad }

// Merge adds the rows of another report.
func (r *Report) Merge(o Report) {
	r.Input.Merge(o.Input)
	r.Context.Merge(o.Context)
	r.Result.Merge(o.Result)
}

// Err is the error about n rows that newError makes: of what was given first,
// since that is the cause of what follows, and nil where all were finite.
func (r Report) Err(n int, newError func(what string, first, count, n int) error) error {
	switch {
	case r.Input.Count > 0:
		return newError("input", r.Input.First, r.Input.Count, n)
	case r.Context.Count > 0:
		return newError("context", r.Context.First, r.Context.Count, n)
	case r.Result.Count > 0:
		return newError("result", r.Result.First, r.Result.Count, n)
	}
	return nil
}
