// Descriptions: of the model, and of the routes as OpenAPI.

package serve

import "time"

// describe answers /v1/model.
func (h *Handler) describe() map[string]any {
	m := h.model.Load()
	about := m.engine.describe()
	about["name"] = m.Name
	about["kind"] = m.engine.kind()
	about["loaded"] = m.made.UTC().Format(time.RFC3339)
	if r := h.refused.Load(); r != nil {
		about["refused"] = map[string]any{"reason": r.reason, "at": r.at.UTC().Format(time.RFC3339)}
	}
	about["flag"] = h.options.Flag
	about["limits"] = map[string]any{
		"bytes": h.options.MaxBytes, "rows": h.options.MaxRows, "row_bytes": h.options.MaxRowBytes, "requests": h.options.MaxRequests,
		"seconds": h.options.Timeout.Seconds(), "stall_seconds": h.options.Stall.Seconds(),
	}
	return about
}

// object is one of JSON.
type object = map[string]any

// openAPI answers /openapi.json: the rows are those of the model that is served.
func (h *Handler) openAPI() object {
	m := h.model.Load()
	ref := func(name string) object { return object{"$ref": "#/components/schemas/" + name} }
	number := object{"type": []string{"number", "null"}}
	row := m.engine.rowSchema()
	score := object{"log_density": number, "p_value": number, "flag": object{"type": "boolean"}}
	term := object{"type": "object", "properties": object{"column": object{"type": "string"}, "cell": object{"type": "string"}, "log_density": number, "usual": number}}
	explanation := object{"log_density": number, "p_value": number, "flag": object{"type": "boolean"}, "columns": object{"type": "array", "items": term}}
	text := object{"type": "string"}
	schemas := object{
		"Row":         row,
		"Score":       object{"type": "object", "properties": score, "required": []string{"log_density", "p_value", "flag"}},
		"Explanation": object{"type": "object", "properties": explanation},
		"Problem": object{"type": "object", "required": []string{"error"}, "properties": object{
			"row":   object{"type": "integer", "description": "of the request, counted from 1; only where the problem is one row's"},
			"error": object{"type": "object", "properties": object{"code": text, "column": text, "given": text, "want": text, "do": text}, "required": []string{"code", "given", "want", "do"}},
		}},
		"Sample": object{"type": "object", "additionalProperties": false, "properties": object{
			"n": object{"type": "integer", "minimum": 1, "default": 1}, "seed": object{"type": "integer", "minimum": 0}, "given": object{"type": "object"},
		}},
		"Draws": object{"type": "object", "properties": object{
			"seed": object{"type": "integer"}, "draws": object{"type": "array", "items": ref("Row")}, "effective": object{"type": "number"},
		}},
	}
	problem := object{"description": "what is wrong with the request", "content": object{formJSON: object{"schema": ref("Problem")}}}
	post := func(about, in, out string) object {
		many := func(name string) object {
			either := []object{ref(name)}
			if name == "Score" || name == "Explanation" {
				either = append(either, ref("Problem"))
			}
			return object{"type": "array", "items": object{"anyOf": either}}
		}
		body, answer := ref(in), ref(out)
		parameters := []object{}
		if in == "Row" {
			body, answer = object{"anyOf": []object{ref(in), many(in)}}, object{"anyOf": []object{ref(out), many(out)}}
			for _, p := range []struct {
				name, about string
				schema      object
			}{
				{"flag", "the p-value up to which rows are flagged", object{"type": "number", "minimum": 0, "maximum": 1}},
				{"unknown", "what becomes of a cell that its column does not take", object{"enum": []string{"error", "missing", "skip"}}},
				{"extra", "pass over keys that are no columns", object{"type": "boolean"}},
			} {
				parameters = append(parameters, object{"name": p.name, "in": "query", "description": p.about, "schema": p.schema})
			}
		}
		lines := object{"schema": text}
		responses := object{"200": object{"description": "an answer a row, in the order and the form of the request", "content": object{formJSON: object{"schema": answer}, formNDJSON: lines}}}
		for _, status := range []string{"400", "408", "413", "415", "422", "429", "500", "501", "503"} {
			responses[status] = problem
		}
		return object{"post": object{
			"summary": about, "parameters": parameters, "responses": responses,
			"requestBody": object{"required": true, "content": object{formJSON: object{"schema": body}, formNDJSON: lines}},
		}}
	}
	get := func(about, form string) object {
		return object{"get": object{"summary": about, "responses": object{"200": object{"description": about, "content": object{form: object{}}}}}}
	}
	return object{
		"openapi": "3.1.0",
		"info":    object{"title": "bijou", "version": "1", "description": "Scores of rows by a density, the columns that make them unlikely, and draws. The model is " + m.Name + "."},
		"paths": object{
			"/v1/score":     post("log-density, p-value and flag of rows", "Row", "Score"),
			"/v1/explain":   post("the same, and what each column contributes, the strongest first", "Row", "Explanation"),
			"/v1/sample":    post("draws, with given cells if wanted", "Sample", "Draws"),
			"/v1/model":     get("what the model is, its columns, and the limits", formJSON),
			"/healthz":      get("whether requests are welcome; 503 while the service ends", formJSON),
			"/metrics":      get("counters", "application/openmetrics-text"),
			"/openapi.json": get("this description", formJSON),
		},
		"components": object{"schemas": schemas},
	}
}
