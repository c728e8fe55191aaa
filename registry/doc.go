// Package registry gives every part of a model a name, makes models from JSON,
// and keeps trained ones in files.
//
// # Names
//
// The library's own parts are there from the start; Names lists them. A layer,
// base distribution, conditioner or encoder of another module joins them with
// a call of Register or its like, and is then made, trained, saved and loaded
// like a built-in one. New makes one part from its name and its spec in JSON,
// NewFlow and its like a whole model. Specs from outside are bounded in size
// and depth; a field that nobody knows is refused, as is one that is there
// twice or in another case; and nothing is ever made that is not registered.
//
// # The model file
//
// Save writes a safetensors file. Its tensors are the model's parameters, F32
// or F64, and buffers, F64 or I64, under their names. Its metadata has
//
//	format    "bijou"
//	version   "1"
//	kind      "flow", "ensemble", "latent", "table", "encoder" or "bijector"
//	dtype     "float32" or "float64", the type the model computes in
//	spec      what makes an equal model, in JSON: see MarshalSpec
//	checksum  "sha256:" and 64 digits
//
// The checksum is that of everything after the file's first 8 bytes, with
// zeros in place of the 64 digits. Other programs read the tensors with any
// safetensors package; in Python,
//
//	weights = safetensors.numpy.load_file("model.safetensors")
//
// The spec of a file may have as many values as the file's tensors, and four bytes
// for each of them: what a spec costs to read is in proportion to the file. 20,000
// values in 256 KiB are for all.
//
// Loading checks the whole header before it claims memory, makes the model the
// spec describes from no more values than the file has, and compares names,
// shapes and types before it reads the first value.
package registry
