// Package data holds the four files of the MNIST database of handwritten
// digits, 11.6 MB, as they were published. It is a module of its own, which
// only programs that import package mnist download.
//
// The files are by Yann LeCun, Corinna Cortes and Christopher J.C. Burges and
// are licensed under CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/.
package data

import "embed"

// Files has train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz,
// t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz, the training and
// test images and their labels in the IDX format, compressed by gzip.
// mnist.Load reads them; mnist.LoadFS(data.Files) does the same.
//
//go:embed *.gz
var Files embed.FS
