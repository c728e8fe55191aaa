// Command runtimes writes models and what they should compute to a directory:
// NAME.onnx and NAME.json, for check.mjs to compare with ONNX Runtime. The test
// beside it compares them with gomlx.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/bijou-flow/bijou/bijector"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: runtimes DIR")
	}
	if err := writeAll[float32](os.Args[1]); err != nil {
		log.Fatal(err)
	}
	if err := writeAll[float64](os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func writeAll[T bijector.Float](dir string) error {
	all, err := cases[T]()
	if err != nil {
		return err
	}
	for _, v := range all {
		path := filepath.Join(dir, v.Name+"-"+v.DType)
		if err := os.WriteFile(path+".onnx", v.model, 0o644); err != nil {
			return err
		}
		doc, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path+".json", doc, 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%d models written\n", len(all))
	return nil
}
