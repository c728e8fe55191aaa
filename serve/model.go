// Model: what a Handler answers by, whatever its kind and element type are.

package serve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"gorgonia.org/tensor"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/nilcheck"
	"github.com/bijou-flow/bijou/table"
)

// Model is a density that a Handler serves. Table and Arrays make one.
type Model struct {
	// Name tells models apart, such as a version or a checksum of the file. It
	// is in the header Bijou-Model of every answer. Table and Arrays give it a number.
	Name string

	engine engine
	made   time.Time
}

// kinds of engines.
const (
	kindTable  = "table"
	kindArrays = "density"
)

// engine is what differs between tables and other densities. Rows are encoded:
// width values each, row-major. It is safe for concurrent use.
type engine interface {
	kind() string
	width() int
	// reader makes a reader of rows, for one goroutine.
	reader(q *query) (rowReader, error)
	// logProb sets dst to log-densities, NaN where a row has none.
	logProb(dst, codes []float64) error
	pValue(logp float64) float64
	// explain appends the columns of each row, as a JSON array each.
	explain(codes []float64) ([][]byte, error)
	// draws makes a source of draws.
	draws(r *sampleRequest) (draws, error)
	// describe says what the model is, for /v1/model; rowSchema is a row as
	// JSON Schema.
	describe() map[string]any
	// columns are the names of a row's cells with their kinds, nil for arrays.
	columns() map[string]string
	rowSchema() map[string]any
}

// rowReader reads the text of a row.
type rowReader interface {
	// read sets codes to the encoded row; its error is the row's.
	read(text []byte, codes []float64) error
	// done says that the request has no more rows.
	done()
}

// number of the latest model that was made.
var number atomic.Int64

func newModel(e engine) *Model {
	return &Model{Name: fmt.Sprintf("model-%d", number.Add(1)), engine: e, made: time.Now()}
}

// Table makes a Model of a table's density, whose rows are objects. A nil m is
// bijector.ErrSpec.
func Table[T bijector.Float](m *table.Model[T]) (*Model, error) {
	if m == nil || m.Schema() == nil {
		return nil, fmt.Errorf("serve: no model, want one that table.Fit made or registry.Load read: %w", bijector.ErrSpec)
	}
	return newModel(newTableEngine(m)), nil
}

// Density is a density of rows: a *flow.Flow, a *flow.Ensemble, or an
// *autoencoder.Latent, which draws what it decodes.
type Density[T bijector.Float] interface {
	LogProb(x tensor.Tensor) ([]float64, error)
	Sample(rng *rand.Rand, n int) (*bijector.Rows[T], error)
}

// Arrays makes a Model of a density of rows of so many values, which are arrays of
// numbers. calibration, made of scores of rows that the density was not fitted
// to, is what p-values are by; nil: answers have none. A width that is not the
// density's is bijector.ErrShape, a context that is not bound
// bijector.ErrContext.
func Arrays[T bijector.Float](d Density[T], values int, calibration *flow.Calibration) (*Model, error) {
	if nilcheck.IsNil(d) || values < 1 || values > maxWidth {
		return nil, fmt.Errorf("serve: a density (%T) of rows of %d values, want one, of 1 to %d values: %w", d, values, maxWidth, bijector.ErrSpec)
	}
	e := &arrayEngine[T]{density: d, values: values, calibration: calibration}
	e.rows, _ = d.(rowDensity[T])
	// Two rows tell whether the width is right and no context is wanted.
	err := e.logProb(make([]float64, 2), make([]float64, 2*values))
	if err != nil && !errors.Is(err, bijector.ErrNonFinite) {
		return nil, fmt.Errorf("serve: a density (%T) that does not score rows of %d values by themselves; it may have another width, or want a context, which Given binds: %w", d, values, err)
	}
	return newModel(e), nil
}

// maxWidth bounds the values of a row.
const maxWidth = 1 << 20

// rowDensity scores slices: see flow.Flow.LogProbRows.
type rowDensity[T bijector.Float] interface {
	LogProbRows(dst []float64, x []T) error
}
