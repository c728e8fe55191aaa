package main

func rows(isa) {}
