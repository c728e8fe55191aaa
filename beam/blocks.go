// Blocks: many rows as one element, at the price of one.

package bijoubeam

import (
	"fmt"
	"reflect"
	"strconv"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/bijou-flow/bijou/bijector"
)

// Rows is a block of rows that is one element of a PCollection, so that what an element
// costs a runner is shared among them: BatchRows in each are enough. Of Float32, Float64
// and Records one is set. A block that was emitted is not changed any more.
type Rows struct {
	Width   int       // values of a row of Float32 or Float64
	Float32 []float32 // row by row; for a table, the numbers of its schema's encoding
	Float64 []float64
	Records []Record // rows of a table

	// Source says where rows of numbers come from, such as a file, and Numbers which they are
	// there; nil: the first, counted from 1, and those that follow.
	Source  string
	Numbers []int64
}

// ScoredRows is a block of rows with what a model says of each.
type ScoredRows struct {
	Rows   Rows
	Scores []Scored
}

func init() {
	beam.RegisterType(reflect.TypeFor[Rows]())
	beam.RegisterType(reflect.TypeFor[ScoredRows]())
	beam.RegisterCoder(reflect.TypeFor[Rows](), encodeRows, decodeRows)
	beam.RegisterCoder(reflect.TypeFor[ScoredRows](), encodeScoredRows, decodeScoredRows)
	register.Emitter1[Rows]()
	register.Emitter1[ScoredRows]()
	register.Emitter2[beam.Y, ScoredRows]()
}

// Len is how many rows there are.
func (r Rows) Len() int {
	if len(r.Records) > 0 || r.Width < 1 {
		return len(r.Records)
	}
	return (len(r.Float32) + len(r.Float64)) / r.Width
}

// Row is row i: a []float32, a []float64 or a Record, as an element of its own would be.
func (r Rows) Row(i int) any {
	switch lo, hi := i*r.Width, (i+1)*r.Width; {
	case len(r.Records) > 0:
		return r.Records[i]
	case len(r.Float32) > 0:
		return r.Float32[lo:hi:hi]
	default:
		return r.Float64[lo:hi:hi]
	}
}

// Place is where row i comes from.
func (r Rows) Place(i int) string {
	switch {
	case len(r.Records) > 0:
		return r.Records[i].Place()
	case r.Source == "" && r.Numbers == nil:
		return ""
	case r.Numbers == nil:
		return r.Source + ":" + strconv.Itoa(i+1)
	}
	return r.Source + ":" + strconv.FormatInt(r.Numbers[i], 10)
}

// check says what is wrong with a block.
func (r Rows) check() error {
	set := 0
	for _, n := range []int{len(r.Float32), len(r.Float64), len(r.Records)} {
		set += min(n, 1)
	}
	numbers := len(r.Float32) + len(r.Float64)
	if set > 1 || numbers > 0 && (r.Width < 1 || numbers%r.Width != 0) || numbers > 0 && r.Numbers != nil && len(r.Numbers) != r.Len() {
		return fmt.Errorf("bijoubeam: a block of %d float32, %d float64 and %d records, %d values a row, %d numbers: want one kind, of whole rows: %w", len(r.Float32), len(r.Float64), len(r.Records), r.Width, len(r.Numbers), bijector.ErrShape)
	}
	return nil
}

// pick are the rows of the given places.
func (r Rows) pick(at []int) Rows {
	p := Rows{Width: r.Width, Source: r.Source}
	for _, i := range at {
		switch lo, hi := i*r.Width, (i+1)*r.Width; {
		case len(r.Records) > 0:
			p.Records = append(p.Records, r.Records[i])
			continue
		case len(r.Float32) > 0:
			p.Float32 = append(p.Float32, r.Float32[lo:hi]...)
		default:
			p.Float64 = append(p.Float64, r.Float64[lo:hi]...)
		}
		number := int64(i + 1)
		if r.Numbers != nil {
			number = r.Numbers[i]
		}
		p.Numbers = append(p.Numbers, number)
	}
	return p
}
