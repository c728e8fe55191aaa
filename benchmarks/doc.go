// Package benchmarks measures what users wait for: a training step of a flow
// and of an autoencoder, log-densities and draws.
//
//	go test -bench . ./benchmarks
//
// Every benchmark reports samples/s beside the time and the allocations of an
// operation. The flow is the one that the paper's demonstrations use on
// embeddings of digits: 20 features, 9 affine couplings with two hidden layers
// of 100 each, batch norm and a permutation between them, conditional on one
// of 10 classes.
package benchmarks

import "testing"

// All runs every benchmark as a sub-benchmark of b.
func All(b *testing.B) {
	for _, g := range []struct {
		name string
		run  func(*testing.B)
	}{
		{"FlowTraining", FlowTraining},
		{"NICETraining", NICETraining},
		{"AutoencoderTraining", AutoencoderTraining},
		{"Encode", Encode},
		{"LogProb", LogProb},
		{"Sample", Sample},
		{"Gemm", Gemm},
		{"Scaling", Scaling},
	} {
		b.Run(g.name, g.run)
	}
}

// perSecond reports how many samples were processed a second.
func perSecond(b *testing.B, samples int) {
	b.ReportMetric(float64(samples)/b.Elapsed().Seconds(), "samples/s")
}
