package bijector_test

import (
	"testing"

	"github.com/bijou-flow/bijou/bijector"
)

// taker is a layer whose training pass takes transient memory, before that of a layer
// within it, and says where it lies.
type taker struct {
	bijector.Trainable[float32]
	at map[*float32]string
	as string
}

func (l taker) NewGradPass(o bijector.PassOptions) bijector.GradPass[float32] {
	m := bijector.Transient[float32](o, 2)
	l.at[&m.Data[0]] += l.as
	return l.Trainable.NewGradPass(o)
}

// Members of a chain share transient memory, those of a chain within it too, but not
// with what holds that one.
func TestTransient(t *testing.T) {
	scale := func() bijector.Trainable[float32] {
		s, err := bijector.NewScale[float32](bijector.ScaleSpec{Dim: 2})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	chain := func(layers ...bijector.Layer[float32]) bijector.Trainable[float32] {
		c, err := bijector.NewChain(layers...)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	at := map[*float32]string{}
	take := func(as string, l bijector.Trainable[float32]) taker { return taker{l, at, as} }
	inner := chain(take("c", scale()), take("d", scale()))
	chain(take("a", scale()), take("b", inner), take("e", scale())).NewGradPass(bijector.PassOptions{MaxBatch: 3})
	got := map[string]bool{}
	for _, names := range at {
		got[names] = true
	}
	if len(got) != 2 || !got["abe"] || !got["cd"] {
		t.Errorf("memory is shared by %v, want abe and cd", got)
	}
}
