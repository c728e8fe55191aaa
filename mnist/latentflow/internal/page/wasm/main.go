//go:build js && wasm

// Command wasm is the model of a page in a folder: it answers what the page asks
// in a worker of the browser. The worker's globals are data, the bytes of
// page.Data, and ready, which takes the function that answers.
//
//	GOOS=js GOARCH=wasm go build -o page.wasm ./mnist/latentflow/internal/page/wasm
package main

import (
	"syscall/js"

	"github.com/bijou-flow/bijou/mnist/latentflow/internal/page"
)

func main() {
	bytes := js.Global().Get("data")
	data := make([]byte, bytes.Length())
	js.CopyBytesToGo(data, bytes)
	model := page.Open(data)
	js.Global().Call("ready", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return string(model.Answer(args[0].String(), []byte(args[1].String())))
	}))
	select {} // the function is called until the worker ends
}
