// Package mnist reads sets of small labelled images, brings MNIST along, and
// draws grids of images.
//
// Load returns the MNIST database, which is embedded in the package; LoadDir
// and LoadFS read any other set in the same format and under the same file
// names, such as Fashion-MNIST or KMNIST; ReadImages and ReadLabels read one
// file.
//
// A Set keeps its pixels as bytes, an eighth of what they take as float64. It is a
// source of training data as it is: Read fills the rows of a batch. Pixels,
// Dequantize and OneHot make whole tensors.
//
// The embedded files are by Yann LeCun, Corinna Cortes and Christopher J.C.
// Burges and are licensed under CC BY-SA 3.0. They are a module of their own,
// mnist/data, and add 12 MB to a program that imports this package.
package mnist
