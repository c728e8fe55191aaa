package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/bijou-flow/bijou/mnist/latentflow/internal/page"
)

// A page in a folder answers what the server does.
func TestPackedPageAnswersTheSame(t *testing.T) {
	for name, p := range map[string]paged{"conditional": convPage(), "unconditional": unconditionalPage()} {
		t.Run(name, func(t *testing.T) {
			var packed bytes.Buffer
			if err := p.handler.Pack(&packed); err != nil {
				t.Fatal(err)
			}
			local := page.Open(packed.Bytes())
			digit := ""
			if p.model.Flow().ContextDim() > 0 {
				digit = `"digit": 3, `
			}
			for _, q := range [][2]string{
				{"model", ""},
				{"digit", `{` + digit + `"seed": 5, "temperature": 0.8}`},
				{"walk", `{"from": {` + digit + `"seed": 1}, "to": {` + digit + `"seed": 2}, "steps": 5}`},
				{"ink", `{"test": 12}`},
				{"digit", `{"latent": [1]}`},
				{"field", `{"steps": 5}`},
			} {
				method := "POST"
				if q[0] == "model" {
					method = "GET"
				}
				want := untimed(t, p.do(request(method, "/api/"+q[0], q[1])).Body.Bytes())
				if got := untimed(t, local.Answer(q[0], []byte(q[1]))); got != want {
					t.Errorf("%s %s:\n%.300s\nwant\n%.300s", q[0], q[1], got, want)
				}
			}
		})
	}
}

// untimed is an answer without how long it took.
func untimed(t *testing.T, text []byte) string {
	t.Helper()
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	delete(answer, "milliseconds")
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Data that was cut short is an answer, and no end of the program.
func TestPackedPageWithoutData(t *testing.T) {
	var packed bytes.Buffer
	if err := convPage().handler.Pack(&packed); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"nothing": nil, "half": packed.Bytes()[:packed.Len()/2]} {
		if got := string(page.Open(data).Answer("model", nil)); !strings.Contains(got, `"code":"data","given":"data.zip: `) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
