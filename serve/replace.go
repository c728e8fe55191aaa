// Replacement: which models may stand in for another, and those that were refused.

package serve

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/nilcheck"
)

// SameRows says whether a model takes the rows that another one takes: objects
// with the same columns of the same kinds, or arrays of as many numbers. The
// error says what differs, and wraps bijector.ErrShape. Categories may differ,
// which are what a newer table has more of.
func (m *Model) SameRows(other *Model) error {
	if m == nil || m.engine == nil || other == nil || other.engine == nil {
		return fmt.Errorf("serve: no model, want those that Table or Arrays make: %w", bijector.ErrSpec)
	}
	a, b := m.engine, other.engine
	switch {
	case a.kind() != b.kind():
		return fmt.Errorf("serve: rows of a %s, want those of a %s: %w", a.kind(), b.kind(), bijector.ErrShape)
	case a.kind() == kindArrays && a.width() != b.width():
		return fmt.Errorf("serve: rows of %d values, want %d: %w", a.width(), b.width(), bijector.ErrShape)
	}
	now, was := a.columns(), b.columns()
	var more, fewer, changed []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if kind, ok := was[name]; !ok {
			more = append(more, name)
		} else if kind != now[name] {
			changed = append(changed, fmt.Sprintf("%s (%s, it was %s)", name, now[name], kind))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, ok := now[name]; !ok {
			fewer = append(fewer, name)
		}
	}
	var differ []string
	for _, d := range []struct {
		what  string
		names []string
	}{{"it lacks ", fewer}, {"it has also ", more}, {"of another kind: ", changed}} {
		if len(d.names) > 0 {
			differ = append(differ, d.what+strings.Join(d.names, ", "))
		}
	}
	if differ == nil {
		return nil
	}
	return fmt.Errorf("serve: other columns than the model before it: %s: %w", strings.Join(differ, "; "), bijector.ErrShape)
}

// refusal is a model that was not taken.
type refusal struct {
	reason string
	at     time.Time
}

// Refuse notes that a model did not take the place of the one that is served,
// and why: GET /v1/model says so in "refused", and bijou_model_refused of
// GET /metrics is 1, until a Swap. A nil reason takes the note back.
func (h *Handler) Refuse(reason error) {
	switch {
	case h == nil:
	case nilcheck.IsNil(reason):
		h.refused.Store(nil)
	default:
		h.refused.Store(&refusal{reason.Error(), time.Now()})
	}
}
