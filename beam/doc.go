// Package bijoubeam scores and draws rows by bijou's models in pipelines of
// Apache Beam, describes tables and fits flows, for data that one machine does not
// hold:
//
//	model, err := bijoubeam.Open(ctx, "gs://bucket/model.safetensors")
//	scored, rejected, err := bijoubeam.Score(s, model, rows)
//	draws, err := bijoubeam.Sample(s, model, 1_000_000, seed)
//
// Models are files that the library wrote: a table.Model, a flow.Flow or a
// flow.Ensemble. Every worker process reads the file once, by Beam's file
// systems, compares it with its SHA-256, and shares the model among its
// threads. A program imports the file systems that its paths name, and registers
// the element types of its own as Beam asks for.
//
// The module is one of its own, so that the library's users do not download
// Beam; docs/scale.md has the runners, what was measured and what is missing.
package bijoubeam
