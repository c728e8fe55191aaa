// The command page: the live page as a folder, computed in the browser.

package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist/internal/dataset"
	"github.com/bijou-flow/bijou/mnist/latentflow/internal/page"
)

const pageAbout = `Writes the page that "serve" shows as a folder of files. Any web server can give
them out, and needs to do nothing else: the model is computed by the browser, in
WebAssembly. It builds that program by the go command, within this repository.

Example: go run ./mnist/latentflow page -model out/model.safetensors -out page
`

// Files of the folder that are not the page's own.
const (
	programFile = "page.wasm.gz"
	supportFile = "wasm_exec.js" // which Go has for its programs in browsers
	programPath = "github.com/bijou-flow/bijou/mnist/latentflow/internal/page/wasm"
)

func pageCommand(ctx context.Context, args []string, s command.Streams) error {
	var model, data string
	files, err := page.Files()
	if err != nil {
		return err
	}
	f := newFlags("page", pageAbout)
	f.String(&model, "model", "out/model.safetensors", "`file` of a trained model")
	dataset.Flag(f, &data)
	out := f.Outputs("`directory` for the files", append(slices.Sorted(maps.Keys(files)), page.Data, supportFile, programFile)...)
	if err := f.Parse(args, s); err != nil {
		return err
	}
	name := model
	if filepath.IsAbs(name) { // others than the one whose directories these are will read it
		name = filepath.Base(name)
	}
	p, err := newPage(model, name, data, "", s)
	if err != nil {
		return err
	}
	if err := out.Prepare(); err != nil {
		return err
	}
	dir, err := out.Stage()
	if err != nil {
		return err
	}
	defer out.Close()
	for name, content := range files {
		if err := command.WriteFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	if err := writeTo(filepath.Join(dir, page.Data), p.Pack); err != nil {
		return err
	}
	fmt.Fprintln(s.Log, "building the program for WebAssembly: a minute or two at first")
	if err := buildProgram(ctx, dir); err != nil {
		return err
	}
	if err := out.Finish(); err != nil {
		return err
	}
	out.List(s.Out)
	fmt.Fprintf(s.Log, "give the folder to any web server, such as: python3 -m http.server -d %s\n", out.Dir)
	return nil
}

// buildProgram builds the page's program into dir, compressed, with its support.
func buildProgram(ctx context.Context, dir string) error {
	program := filepath.Join(dir, "page.wasm")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, programPath)
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if text, err := build.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return command.Interruption("nothing is written")
		}
		return fmt.Errorf("the program for WebAssembly cannot be built: %w; it is built by the go command, from within a clone of bijou\n%s", err, text)
	}
	defer os.Remove(program)
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	support, err := readSupport(strings.TrimSpace(string(root)))
	if err != nil {
		return err
	}
	if err := command.WriteFile(filepath.Join(dir, supportFile), support); err != nil {
		return err
	}
	from, err := os.Open(program)
	if err != nil {
		return err
	}
	defer from.Close()
	return writeTo(filepath.Join(dir, programFile), func(w io.Writer) error {
		z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := io.Copy(z, from); err != nil {
			return err
		}
		return z.Close()
	})
}

// readSupport reads Go's own support of its programs in browsers, which Go 1.24
// moved.
func readSupport(root string) ([]byte, error) {
	support, err := os.ReadFile(filepath.Join(root, "lib", "wasm", supportFile))
	if errors.Is(err, fs.ErrNotExist) {
		support, err = os.ReadFile(filepath.Join(root, "misc", "wasm", supportFile))
	}
	return support, err
}

func writeTo(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
