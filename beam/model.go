// Model: the file of a model, as a pipeline carries it to its workers.

package bijoubeam

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/table"
)

// ErrModel: a model that cannot be read where a worker looks for it, or that is another
// one than the pipeline was made for.
var ErrModel = errors.New("not the model of this pipeline")

// Model is the file of a model and how rows are scored by it. Open makes one;
// it travels with the pipeline, and the file does not.
type Model struct {
	// Path is a path or URL that the file systems of all workers know.
	Path string
	// SHA256 is that of the file, in hexadecimal. A file with another one is
	// ErrModel: a pipeline that runs for days does not change its model halfway.
	SHA256 string
	// Alpha flags rows with a p-value up to this one; 0 means 0.01. Models without
	// calibration have no p-values (NaN) and flag no rows.
	Alpha float64
	// AllowExtra passes over columns and keys that a table's schema does not know.
	AllowExtra bool
	// Unknown is what becomes of a cell that its column does not take, in the place of
	// what a table's schema says; "": that. Rows by the policies Refuse and SkipRow are
	// rejected.
	Unknown table.Policy
}

// Open reads a model's file, checks that it is one, and returns it with its
// SHA-256. A file that cannot be read is ErrModel, one that holds no table
// model, flow or ensemble an error of package registry.
func Open(ctx context.Context, path string) (Model, error) {
	raw, err := readFile(ctx, path)
	if err != nil {
		return Model{}, err
	}
	m := Model{Path: path, SHA256: fmt.Sprintf("%x", sha256.Sum256(raw))}
	_, err = models.get(ctx, m, func(context.Context, string) ([]byte, error) { return raw, nil })
	return m, err
}

// Columns are the names of a table's columns; nil for a model of rows without names.
func (m Model) Columns(ctx context.Context) ([]string, error) {
	l, err := m.load(ctx)
	if err != nil || l.table == nil {
		return nil, err
	}
	return l.table.Schema().Names(), nil
}

func (m Model) alpha() float64 {
	if m.Alpha == 0 {
		return 0.01
	}
	return m.Alpha
}

// check says what is wrong with a Model before a pipeline has it.
func (m Model) check() error {
	if m.Path == "" || len(m.SHA256) != 2*sha256.Size {
		return fmt.Errorf("bijoubeam: a model with the path %q and the SHA-256 %q, want both; Open makes one: %w", m.Path, m.SHA256, ErrModel)
	}
	if !(m.Alpha >= 0 && m.Alpha < 1) {
		return fmt.Errorf("bijoubeam: rows flagged up to a p-value of %v, want one of [0, 1): %w", m.Alpha, bijector.ErrSpec)
	}
	if !slices.Contains([]table.Policy{"", table.Refuse, table.TakeMissing, table.SkipRow}, m.Unknown) {
		return fmt.Errorf("bijoubeam: the policy %q for cells that a column does not take, want error, missing or skip: %w", m.Unknown, table.ErrSchema)
	}
	return nil
}

// load is the process's model of this file.
func (m Model) load(ctx context.Context) (*loaded, error) { return models.get(ctx, m, readFile) }

// readFile reads a file by Beam's file systems.
func readFile(ctx context.Context, path string) ([]byte, error) {
	fs, err := filesystem.New(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: model %s: %w: %w", path, err, ErrModel)
	}
	defer fs.Close()
	raw, err := filesystem.Read(ctx, fs, path)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: model %s: %w; want a file that every worker can read: %w", path, err, ErrModel)
	}
	return raw, nil
}

// loaded is a model in memory: a table's, or a density of rows without names.
// It is safe for any number of goroutines.
type loaded struct {
	table   *table.Model[float32]
	density density // nil for a table
	width   int
}

// density is a flow or an ensemble.
type density interface {
	Dim() int
	ContextDim() int
	LogProbRows(dst []float64, x []float32) error
	Sample(rng *rand.Rand, n int) (*bijector.Rows[float32], error)
}

// decode makes a model of a file's bytes.
func decode(raw []byte) (*loaded, error) {
	t, d, err := readModel(raw)
	if err != nil {
		return nil, err
	}
	if t != nil {
		return &loaded{table: t, width: t.Dim()}, nil
	}
	if d.ContextDim() != 0 {
		return nil, fmt.Errorf("a density under a context of %d values, want one without: %w", d.ContextDim(), bijector.ErrContext)
	}
	return &loaded{density: d, width: d.Dim()}, nil
}

// readModel reads a table's model, or a flow or an ensemble.
func readModel(raw []byte) (t *table.Model[float32], d density, err error) {
	if t, err = readAs[*table.Model[float32]](raw); !otherKind(err) {
		return t, nil, err
	}
	if d, err = readAs[*flow.Flow[float32]](raw); otherKind(err) {
		d, err = readAs[*flow.Ensemble[float32]](raw)
	}
	if otherKind(err) {
		err = fmt.Errorf("want a table's model, a flow or an ensemble: %w", err)
	}
	return nil, d, err
}

// otherKind says whether a file holds another kind of model than was tried.
func otherKind(err error) bool {
	var e *registry.FormatError
	return errors.As(err, &e) && e.Field == "kind"
}

func readAs[M any](raw []byte) (M, error) {
	return registry.Read[M](bytes.NewReader(raw), int64(len(raw)), registry.LoadOptions{Convert: true})
}

// cache has the models of this process, by path and SHA-256. Failures are not
// kept, so that a retry reads again.
type cache struct {
	mu    sync.Mutex
	all   map[[2]string]*loaded
	reads int // for tests
}

var models = cache{all: map[[2]string]*loaded{}}

// get returns a model, loaded by one caller while the others wait.
func (c *cache) get(ctx context.Context, m Model, read func(context.Context, string) ([]byte, error)) (*loaded, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{m.Path, strings.ToLower(m.SHA256)}
	if l := c.all[key]; l != nil {
		return l, nil
	}
	raw, err := read(ctx, m.Path)
	if err != nil {
		return nil, err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(raw)); sum != key[1] {
		return nil, fmt.Errorf("bijoubeam: model %s has the SHA-256 %s, want %s; put the file back that the pipeline was made for, or make it again: %w", m.Path, sum, key[1], ErrModel)
	}
	l, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("bijoubeam: model %s: %w", m.Path, err)
	}
	c.all[key] = l
	c.reads++
	return l, nil
}
