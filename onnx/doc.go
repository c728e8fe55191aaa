// Package onnx writes flows, encoders and decoders as ONNX models, which other
// runtimes evaluate: ONNX Runtime in most languages, browsers included, and
// gomlx in Go.
//
// A flow makes two models, one a direction: [Forward] takes x, and the context
// of a conditional flow, and gives z and log_prob; [Inverse] takes z and gives
// x. The number of rows is open, n. Everything is computed in the flow's
// element type, also what the library computes in float64 for a float32 model,
// so that results agree to that type's rounding. Formulas are those that keep
// their digits near 0, far out and at the ends of a domain.
//
// Models hold standard operators of opset 17 alone. Random draws are the
// caller's: draw z from the base distribution, at a temperature if wanted, and
// run the inverse.
//
// A layer of another module joins by implementing [Layer], its conditioner by
// [Map], its base distribution by [Base].
package onnx
