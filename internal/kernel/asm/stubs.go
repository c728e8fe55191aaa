package main
func functions(isa) {}
func rows(isa) {}
