module github.com/bijou-flow/bijou/.ci/mutate

go 1.23
