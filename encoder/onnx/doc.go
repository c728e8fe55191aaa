// Package bijouonnx makes encoders and decoders of ONNX files, so that a flow
// lives on the embeddings of a network that somebody else trained:
//
//	encoder, err := bijouonnx.OpenEncoder[float32]("clip.onnx", bijouonnx.Options{})
//	z, err := encoder.Encode(x)
//	latent, err := autoencoder.NewLatent(encoder, nil, flow)
//
// Any model fits whose inputs have the rows as their first axis and one of
// whose tensors, named by Options.Output, has a vector a row: the layer before
// the last of a classifier is an embedding too. Models run in Go alone, by
// gomlx; UseONNXRuntime hands them to ONNX Runtime.
//
// A saved model names the file by its SHA-256 and its base name. Load looks
// for it beside the model, AddFS elsewhere.
//
// The module is one of its own, so that the library's users do not download
// gomlx.
package bijouonnx
