// Package serve answers HTTP requests by a density: scores of rows, draws, and
// the columns that make a row unlikely. It is the core of "bijou serve", for
// programs of one's own:
//
//	m, err := registry.Load[*table.Model[float32]]("model.safetensors")
//	...
//	model, err := serve.Table(m)
//	...
//	h, err := serve.New(model, serve.Options{})
//	...
//	http.Handle("/", h)
//
// Routes:
//
//	POST /v1/score     rows: log_density, p_value and flag of each
//	POST /v1/explain   rows: the same, and what each column contributes
//	POST /v1/sample    {"n": 10, "seed": 1, "given": {...}}: draws
//	GET  /v1/model     what the model is, its columns, and the limits
//	GET  /healthz      whether requests are welcome
//	GET  /metrics      counters, as OpenMetrics text
//	GET  /openapi.json the description of all this
//
// A row is an object with a key a column for a table, and an array of numbers
// for any other density. A body of application/json is a row or an array of
// rows; one of application/x-ndjson is a row a line. The answer has the form of
// the request, and is in its order: an object for a row, an array or a line
// for each of several. Bodies are read and answered as they come, in memory
// that does not grow with them.
//
// What is wrong with a whole request is a status of 400 and more with
//
//	{"error": {"code": ..., "given": ..., "want": ..., "do": ...}}
//
// and what is wrong with one row among several stands in the place of its
// answer, with the row's number, counted from 1: {"row": 7, "error": {...}}. An answer that
// could not be finished ends in an error without a row.
//
// Each answer is computed by one model, whose name is in the header Bijou-Model.
// Handler.Swap puts another one in its place for the requests that follow.
package serve
