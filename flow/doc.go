// Package flow holds density models: Flow, a bijector over a base distribution,
// and Ensemble, a mixture of flows.
//
//	f, err := flow.New(chain, base)
//	report, err := train.Fit(ctx, f, train.Tensor(x), train.Options{})
//	logp, err := f.LogProb(x)           // []float64, nats
//	draws, err := f.Sample(rng, 1000)   // 1000 rows
//
// A Flow maps data x to a latent z = f(x) and scores it by the change of
// variables,
//
//	log p(x) = log p_base(f(x)) + log|det df/dx|,
//
// in nats, and draws x = f^-1(z) with z from the base (Rezende and Mohamed
// 2015, arXiv 1505.05770; Dinh et al. 2015, arXiv 1410.8516, eq. 3).
//
// Both kinds of model score and draw alike: LogProb, Sample, and their forms
// without allocation; contexts (Given), which may pass through an embedding
// network of their own (NewWithEmbedding); temperature and redraws of draws;
// the probability of classes by Bayes' rule (Posterior); gonum's distmv
// interfaces (Gonum). Both are what package train trains. Diagnose looks at
// how well a flow's inverse undoes it, and BitsPerDim converts to the unit of
// discrete data.
package flow
