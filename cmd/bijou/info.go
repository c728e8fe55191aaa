// The command info: what a model file is, any of the library's.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/internal/command/tablecommand"
	"github.com/bijou-flow/bijou/internal/input"
	"github.com/bijou-flow/bijou/internal/safetensors"
)

const infoAbout = `Says what a model file is: a table's density, a flow, an ensemble, a latent model, an
encoder or a layer.

It reads the file's header, and its values for their checksum; it makes no model of
them. A damaged file is an error, behind what could be read of it.

Example: go run ./cmd/bijou info model.safetensors
`

// modelInfo is what a file says of itself.
type modelInfo struct {
	File       string            `json:"file"`
	Bytes      int64             `json:"bytes"`
	Kind       string            `json:"kind"`
	DType      string            `json:"dtype"`
	Version    string            `json:"version"`
	Checksum   string            `json:"checksum"` // "right", or what is wrong
	Parameters int64             `json:"parameters"`
	Buffers    int64             `json:"buffers"`
	Tensors    []tensorInfo      `json:"tensors"`
	Parts      []partInfo        `json:"parts"`
	Spec       json.RawMessage   `json:"spec,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"` // beside the above
}

type tensorInfo struct {
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
}

// partInfo is a registered name in the spec, and how often it is there.
type partInfo struct {
	Type  string `json:"type"`
	Count int    `json:"count"`
}

func infoCommand(_ context.Context, args []string, s command.Streams) error {
	var asJSON, tensors bool
	f := newFlags("info", infoAbout)
	var model string
	list := f.Args("FILE", 0, 1)
	f.String(&model, "model", "", "`file` of a model, in the place of FILE")
	f.Bool(&asJSON, "json", "write JSON")
	f.Bool(&tensors, "tensors", "list the tensors, too")
	if err := f.Parse(args, s); err != nil {
		return err
	}
	switch files := append(list.List, model); {
	case model == "" && len(list.List) == 0:
		return command.Usagef("no file, want FILE or -model FILE")
	case model != "" && len(list.List) > 0:
		return command.Usagef("two files, %s and -model %s: want one", list.List[0], model)
	default:
		model = files[0]
	}
	info, err := readInfo(model)
	if info == nil {
		return err
	}
	if asJSON {
		return errors.Join(tablecommand.WriteJSON(s.Out, info), err)
	}
	info.print(s.Out, tensors)
	return err
}

// readInfo reads a file's header, and all of it for the checksum. What was read
// before an error comes with it.
func readInfo(path string) (*modelInfo, error) {
	f, err := input.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file", path)
	case errors.Is(err, input.ErrNotRegular):
		return nil, fmt.Errorf("%s: %w, want a model that the library wrote", path, input.ErrNotRegular)
	case err != nil:
		return nil, err
	}
	defer f.Close()
	h, err := safetensors.ReadHeader(f, f.Size)
	if err != nil {
		return nil, fmt.Errorf("%s: it is no model file: %w", path, err)
	}
	if format, _ := h.Get("format"); format != "bijou" {
		return nil, fmt.Errorf("%s: its format is %q, want \"bijou\": safetensors of another program; package interop/torch reads some", path, format)
	}
	info := &modelInfo{File: path, Bytes: f.Size, Checksum: "right", Metadata: map[string]string{}}
	for _, p := range h.Metadata {
		switch p.Key {
		case "kind":
			info.Kind = p.Value
		case "dtype":
			info.DType = p.Value
		case "version":
			info.Version = p.Value
		case "spec":
			if json.Valid([]byte(p.Value)) {
				info.Spec = json.RawMessage(p.Value)
			}
		case "format", "checksum":
		default:
			info.Metadata[p.Key] = p.Value
		}
	}
	for _, t := range h.Tensors {
		info.Tensors = append(info.Tensors, tensorInfo{t.Name, t.DType.String(), t.Shape()})
		// Parameters are in the model's type, and buffers in float64 or int64.
		if dtype := t.DType.String(); dtype == "F32" || dtype == "F64" && info.DType == "float64" {
			info.Parameters += t.Elements()
		} else {
			info.Buffers += t.Elements()
		}
	}
	info.Parts = parts(info.Spec)
	seal, err := safetensors.NewSeal(h, f)
	if err == nil {
		_, err = io.Copy(io.Discard, seal)
		err = seal.Close(err)
	}
	if err != nil {
		info.Checksum = err.Error()
		return info, fmt.Errorf("%s: %w", path, err)
	}
	return info, nil
}

// parts are the registered names of a spec in the order they come.
func parts(spec json.RawMessage) (all []partInfo) {
	d := json.NewDecoder(strings.NewReader(string(spec)))
	var walk func(key string)
	walk = func(key string) {
		token, err := d.Token()
		if err != nil {
			return
		}
		switch v := token.(type) {
		case string:
			if key == "type" {
				all = counted(all, v)
			}
		case json.Delim:
			for d.More() {
				key := ""
				if v == '{' {
					name, _ := d.Token()
					key, _ = name.(string)
				}
				walk(key)
			}
			d.Token()
		}
	}
	walk("")
	return all
}

// counted adds one to the count of a type.
func counted(all []partInfo, name string) []partInfo {
	for i := range all {
		if all[i].Type == name {
			all[i].Count++
			return all
		}
	}
	return append(all, partInfo{name, 1})
}

// print tells it in words.
func (m *modelInfo) print(w io.Writer, tensors bool) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "file\t%s, %s bytes\n", m.File, tablecommand.Grouped(int(m.Bytes)))
	fmt.Fprintf(t, "kind\t%s in %s, version %s of the format\n", m.Kind, m.DType, m.Version)
	fmt.Fprintf(t, "values\t%s parameters and %s of buffers in %d tensors\n", tablecommand.Grouped(int(m.Parameters)), tablecommand.Grouped(int(m.Buffers)), len(m.Tensors))
	texts := make([]string, 0, len(m.Parts))
	for _, p := range m.Parts {
		text := p.Type
		if p.Count > 1 {
			text = fmt.Sprintf("%d x %s", p.Count, p.Type)
		}
		texts = append(texts, text)
	}
	if len(texts) > 0 {
		fmt.Fprintf(t, "parts\t%s\n", strings.Join(texts, ", "))
	}
	fmt.Fprintf(t, "checksum\t%s\n", m.Checksum)
	if tensors {
		for _, x := range m.Tensors {
			fmt.Fprintf(t, "  %s\t%s %v\n", x.Name, x.DType, x.Shape)
		}
	}
	t.Flush()
}
