// Embeddings that are drawn: the reparametrisation, what the variational bound
// adds to a loss, and the noise.

package autoencoder

import (
	"math"
	"math/rand/v2"

	"github.com/bijou-flow/bijou/bijector"
	"github.com/bijou-flow/bijou/internal/kernel"
	"github.com/bijou-flow/bijou/internal/random"
)

// drawEmbedding sets samples lo to hi of z = m + exp(log v / 2) u, of what the encoder
// gives: the means m, and log v behind them, or the noise of the spec.
func (a *Autoencoder[T]) drawEmbedding(z, h, u bijector.Mat[T], lo, hi int) {
	for k := range z.D {
		y, m, noise := z.Feature(k)[lo:hi], h.Feature(k)[lo:hi], u.Feature(k)[lo:hi]
		if !a.criterion.variational {
			kernel.Combine(y, m, noise, 1, T(a.criterion.noise), 0)
			continue
		}
		logv := h.Feature(z.D + k)[lo:hi]
		for i, l := range logv {
			y[i] = T(float64(m[i]) + math.Exp(float64(l)/2)*float64(noise[i]))
		}
	}
}

// addDivergence adds to the losses of samples lo to hi, over d,
//
//	KL(N(m, v) || N(0, I)) = 1/2 sum_k m_k^2 + v_k - 1 - log v_k.
func (a *Autoencoder[T]) addDivergence(loss []float64, h bijector.Mat[T], lo, hi int) {
	e, scale := a.Embedding(), 0.5/float64(a.Dim())
	v, l := a.criterion.noise*a.criterion.noise, 2*math.Log(a.criterion.noise)
	for k := range e {
		m := h.Feature(k)
		for i := lo; i < hi; i++ {
			if a.criterion.variational {
				l = float64(h.Feature(e + k)[i])
				v = math.Exp(l)
			}
			loss[i] += scale * (float64(m[i])*float64(m[i]) + v - 1 - l)
		}
	}
}

// addPrior adds to the losses, over d, those of a flow on the embeddings that
// were drawn, -log p(z), less the entropy of what they were drawn from,
//
//	H(N(m, v)) = 1/2 sum_k log v_k + log(2 pi) + 1:
//
// together the estimate of KL(N(m, v) || p) with one draw (Kingma and Welling
// 2014, equation 6, with the entropy in closed form).
func (a *Autoencoder[T]) addPrior(loss, prior []float64, h bijector.Mat[T]) {
	e, scale := a.Embedding(), 1/float64(a.Dim())
	for i := range loss {
		entropy := float64(e) * (logTwoPi + 1) / 2
		if a.criterion.variational {
			for k := range e {
				entropy += float64(h.Feature(e + k)[i]) / 2
			}
		} else {
			entropy += float64(e) * math.Log(a.criterion.noise)
		}
		loss[i] += scale * (prior[i] - entropy)
	}
}

// drawGradient takes dz, the gradient by the embeddings that were drawn, back to
// the encoder's values, for samples lo to hi. With c = w / (n d), z = m + exp(log v
// / 2) u and g the gradient of -log p(z) under a flow, which has its weight already,
//
//	N(0, I):  dm = dz + c m,  dlog v = dz u exp(log v / 2) / 2 + c (v - 1) / 2
//	a flow:   dm = dz + g,    dlog v = dm u exp(log v / 2) / 2 - c / 2.
func (p *stepPass[T]) drawGradient(dh, h bijector.Mat[T], lo, hi int) {
	dz, u, e := p.dz.Resize(h.N), p.u.Resize(h.N), p.Embedding()
	for k := range e {
		d, dm, m, noise := dz.Feature(k), dh.Feature(k), h.Feature(k), u.Feature(k)
		for i := lo; i < hi; i++ {
			c, g := p.weight(i)/float64(h.N), float64(d[i])
			pull := c * float64(m[i])
			if p.prior != nil {
				g += float64(p.dzPrior.Feature(k)[i])
				pull = 0
			}
			dm[i] = T(g + pull)
			if !p.criterion.variational {
				continue
			}
			s := math.Exp(float64(h.Feature(e + k)[i]) / 2)
			dlog := g * float64(noise[i]) * s / 2
			if p.prior != nil {
				dlog -= c / 2
			} else {
				dlog += c * (s*s - 1) / 2
			}
			dh.Feature(e + k)[i] = T(dlog)
		}
	}
}

// drawNoise fills u with the noise of the next step of training, which depends on
// the seed and on the number of such steps.
func (a *Autoencoder[T]) drawNoise(u bijector.Mat[T]) {
	rng := rand.New(rand.NewPCG(random.Mix(a.criterion.seed), uint64(a.draws[0])))
	a.draws[0]++
	for k := range u.D {
		for i, row := 0, u.Feature(k); i < len(row); i++ {
			row[i] = T(rng.NormFloat64())
		}
	}
}

// rowNoise sets samples lo to hi of u to noise that depends on the seed and the
// row alone: evaluations of a row under any parameters, among any other rows,
// have the same.
func rowNoise[T bijector.Float](u, x bijector.Mat[T], hash []uint64, seed uint64, lo, hi int) {
	hash = hash[lo:hi]
	clear(hash)
	for j := range x.D {
		for i, v := range x.Feature(j)[lo:hi] {
			hash[i] = random.Mix(hash[i] ^ math.Float64bits(float64(v)))
		}
	}
	for i, k := range hash {
		rng := rand.New(rand.NewPCG(random.Mix(seed), k))
		for j := range u.D {
			u.Feature(j)[lo+i] = T(rng.NormFloat64())
		}
	}
}
