package benchmarks

import "testing"

func BenchmarkFlowTraining(b *testing.B)        { FlowTraining(b) }
func BenchmarkNICETraining(b *testing.B)        { NICETraining(b) }
func BenchmarkImageTraining(b *testing.B)       { ImageTraining(b) }
func BenchmarkAutoencoderTraining(b *testing.B) { AutoencoderTraining(b) }
func BenchmarkEncode(b *testing.B)              { Encode(b) }
func BenchmarkLogProb(b *testing.B)             { LogProb(b) }
func BenchmarkSample(b *testing.B)              { Sample(b) }
func BenchmarkGemm(b *testing.B)                { Gemm(b) }
func BenchmarkScaling(b *testing.B)             { Scaling(b) }
