module github.com/bijou-flow/bijou/mnist/data

go 1.23.0
