// Command digits is a stranger's program that wants MNIST.
package main

import (
	"fmt"
	"log"

	"github.com/bijou-flow/bijou/mnist"
)

func main() {
	log.SetFlags(0)
	train, test, err := mnist.Load()
	if err != nil {
		log.Fatal(err)
	}
	if train.Len() != 60000 || test.Len() != 10000 || train.Label(0) != 5 {
		log.Fatalf("%d and %d images, the first a %d", train.Len(), test.Len(), train.Label(0))
	}
	fmt.Println("digits:", train.Len(), test.Len())
}
