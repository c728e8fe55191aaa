// The options of a fit.

package latent

import (
	"errors"
	"fmt"

	"github.com/bijou-flow/bijou/auto"
	"github.com/bijou-flow/bijou/train"
)

// ErrOptions: options that describe no fit.
var ErrOptions = errors.New("invalid options")

// Options of Fit. The zero value is meant to do well.
type Options struct {
	// Share is the share of the embeddings' variance that principal components are
	// to keep, of embeddings of more than 32 values and of those with directions that
	// do not vary; 0 means 0.99. 1 keeps all directions that vary, as far as the rows
	// determine them.
	Share float64
	// Calibration is the share of rows that are held out to say what log-densities
	// are usual; 0 means a tenth, at least 99 rows or a fifth of them, at most 20,000.
	Calibration float64
	// Alarm is the share of normal rows that may raise an alarm by the threshold of
	// the report; 0 means 0.01, or the least that the calibration rows tell.
	Alarm float64
	// Batch is how many rows are embedded at a time; 0 means 256.
	Batch int
	// Cache is a directory for embeddings, made if need be; "": none. A later fit to
	// the same rows by the same encoder reads them there. An encoder that has no
	// registered spec is known by CacheKey.
	Cache string
	// CacheKey names the encoder and its version, where its spec and its state do not.
	CacheKey string
	// Auto are the options of the choice of a density. Its Steps of 0 mean 600 here; its
	// Seed is that of all that is drawn, its Progress hears of the runs.
	Auto auto.Options
	// Progress hears how many rows are embedded, out of how many, from one goroutine
	// at a time; nil: nobody.
	Progress func(done, rows int)
}

const (
	defaultShare    = 0.99
	defaultBatch    = 256
	defaultSteps    = 600
	defaultAlarm    = 0.01
	wide            = 32 // more values than that are shortened
	fewestRows      = 20
	mostCalibration = 20_000
)

// withDefaults fills in the zero values and checks the rest.
func (o Options) withDefaults() (Options, error) {
	for _, share := range []struct {
		what  string
		value *float64
		or    float64
		most  float64
	}{
		{"of the variance", &o.Share, defaultShare, 1},
		{"of rows to calibrate on", &o.Calibration, 0, 0.5},
		{"of normal rows that raise an alarm", &o.Alarm, 0, 0.5},
	} {
		if v := *share.value; !(v >= 0 && v <= share.most) {
			return o, fmt.Errorf("latent: a share of %v %s, want 0 to %v: %w", v, share.what, share.most, ErrOptions)
		}
		if *share.value == 0 {
			*share.value = share.or
		}
	}
	if o.Batch < 0 {
		return o, fmt.Errorf("latent: batches of %d rows, want 1 or more: %w", o.Batch, ErrOptions)
	}
	if o.Batch == 0 {
		o.Batch = defaultBatch
	}
	if o.Auto.Steps == 0 {
		o.Auto.Steps = defaultSteps
	}
	return o, nil
}

// calibrationRows is how many of n rows are held out.
func (o Options) calibrationRows(n int) int {
	m := int(o.Calibration * float64(n))
	if o.Calibration == 0 {
		m = max(n/10, min(99, n/5))
	}
	return max(min(m, mostCalibration), 1)
}

// checkSource refuses what a fit cannot use.
func checkSource(data train.Source) error {
	if n := data.Len(); n < fewestRows {
		return fmt.Errorf("latent: %d rows, want %d at least: %w", n, fewestRows, ErrOptions)
	}
	if w, ok := data.(train.WeightedSource); ok && w.Weights() != nil {
		return fmt.Errorf("latent: rows with weights, and thresholds count rows as they are; leave them out, or fit embeddings with auto.Fit: %w", ErrOptions)
	}
	return nil
}
