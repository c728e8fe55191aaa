// The model that is served: loaded from a file, and again when that changes.

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/bijou-flow/bijou/autoencoder"
	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/flow"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/registry"
	"github.com/bijou-flow/bijou/serve"
	"github.com/bijou-flow/bijou/table"
)

// servedFile is a model's file.
type servedFile struct {
	path       string
	other      bool // a model of other columns is taken as well
	said, errs *slog.Logger
	seen       fs.FileInfo // when it was loaded, or tried, latest
	serving    *serve.Model
	missing    int // looks in a row that found no file
}

// load reads the file as it is now. The model's name is the beginning of the
// file's SHA-256.
func (f *servedFile) load() (*serve.Model, error) {
	f.seen, _ = os.Stat(f.path)
	in, err := input.Open(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file", f.path)
	case errors.Is(err, input.ErrNotRegular):
		return nil, fmt.Errorf("%s: %w, want a model that the library wrote", f.path, input.ErrNotRegular)
	case err != nil:
		return nil, err
	}
	defer in.Close()
	raw, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	m, err := servedModel(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	m.Name = fmt.Sprintf("%x", sha256.Sum256(raw))[:16]
	return m, nil
}

// widthOf is the number of values of an encoder's rows, 0 where it does not say.
func widthOf(e autoencoder.Encoder[float32]) int {
	if a, ok := e.(*autoencoder.Autoencoder[float32]); ok {
		return a.Dim()
	}
	if c, ok := e.(*autoencoder.Chain[float32]); ok {
		first, _ := c.Parts()
		return widthOf(first)
	}
	if s, ok := e.(bijector.Specced); ok {
		switch spec := s.Spec().(type) {
		case autoencoder.IdentitySpec:
			return spec.Dim
		case autoencoder.PCASpec:
			return spec.In
		}
	}
	return 0
}

// servedModel makes a model of a file of any kind that scores rows.
func servedModel(raw []byte) (*serve.Model, error) {
	t, err := readAs[*table.Model[float32]](raw)
	if err == nil {
		return serve.Table(t)
	}
	if !otherKind(err) {
		return nil, err
	}
	if d, err := readAs[*flow.Flow[float32]](raw); !otherKind(err) {
		return arrays(d, err)
	}
	if d, err := readAs[*flow.Ensemble[float32]](raw); !otherKind(err) {
		return arrays(d, err)
	}
	l, err := readAs[*autoencoder.Latent[float32]](raw)
	if otherKind(err) {
		return nil, fmt.Errorf("it holds neither a table's density nor a flow, an ensemble or a latent model: %w", err)
	}
	if err != nil {
		return nil, err
	}
	width := widthOf(l.Encoder())
	if width == 0 {
		return nil, fmt.Errorf("its encoder (%T) does not say how wide its rows are; a program of one's own serves it, see package serve", l.Encoder())
	}
	return serve.Arrays[float32](l, width, l.Calibration())
}

// flowLike is a flow or an ensemble.
type flowLike interface {
	serve.Density[float32]
	Dim() int
}

func arrays(d flowLike, err error) (*serve.Model, error) {
	if err != nil {
		return nil, err
	}
	return serve.Arrays[float32](d, d.Dim(), nil)
}

func readAs[M any](raw []byte) (M, error) {
	return registry.Read[M](bytes.NewReader(raw), int64(len(raw)), registry.LoadOptions{Convert: true})
}

// otherKind says whether a file holds another kind of model than was tried.
func otherKind(err error) bool {
	var e *registry.FormatError
	return errors.As(err, &e) && e.Field == "kind"
}

// changed says whether the file is another one than that which was loaded.
func (f *servedFile) changed() bool {
	now, err := os.Stat(f.path)
	if err != nil {
		// Once is between two files.
		if f.missing++; f.missing == 2 {
			f.errs.Warn("the model's file is gone: the model stays until a new file is there, and a new start will fail", "file", f.path, "reason", err.Error())
		}
		return false
	}
	f.missing = 0
	return f.seen == nil || !os.SameFile(now, f.seen) || now.Size() != f.seen.Size() || !now.ModTime().Equal(f.seen.ModTime())
}

// watch loads the file again when it changes, and when it is told to, until ctx
// ends.
func (f *servedFile) watch(ctx context.Context, h *serve.Handler, every time.Duration, hangup <-chan os.Signal) {
	var tick <-chan time.Time
	if every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		case <-tick:
			if !f.changed() {
				continue
			}
		}
		if err := f.replace(h); err != nil {
			f.errs.Error("the model is not replaced: the one before it stays", "serving", f.serving.Name, "file", f.path, "reason", err.Error())
			h.Refuse(err)
			continue
		}
		f.said.Info("the model is replaced", "model", f.serving.Name, "file", f.path)
	}
}

// replace puts the file as it is now in the served model's place.
func (f *servedFile) replace(h *serve.Handler) error {
	m, err := f.load()
	if err != nil {
		return err
	}
	if err := m.SameRows(f.serving); err != nil && !f.other {
		return fmt.Errorf("%w; what its clients send would be refused or read as missing: start anew for a model of other rows, or with -other-columns", err)
	}
	if err := h.Swap(m); err != nil {
		return err
	}
	f.serving = m
	return nil
}
