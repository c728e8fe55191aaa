// No module: a go.mod keeps the pictures out of what users of the library download.
module github.com/bijou-flow/bijou/docs/pictures

go 1.23
