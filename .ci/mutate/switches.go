// The switches: what is compiled into a package besides its mutants.

package main

import "go/token"

// names are those of the functions that stand for operators.
var names = map[token.Token]string{
	token.ADD: "Add", token.SUB: "Sub", token.MUL: "Mul", token.QUO: "Quo", token.REM: "Rem",
	token.LSS: "Less", token.LEQ: "LessEqual", token.GTR: "More", token.GEQ: "MoreEqual",
	token.LAND: "And", token.LOR: "Or",
}

// variable of the environment that says which mutant is on, from 1; without it none is.
const variable = "BIJOU_MUTANT"

// switches is a file of the package.
const switches = `

import (
	mutatedCmp "cmp"
	mutatedOS "os"
	mutatedStrconv "strconv"
)

var mutatedOn, _ = mutatedStrconv.Atoi(mutatedOS.Getenv("` + variable + `"))

func mutated(id int) bool { return id == mutatedOn }

type mutatedWhole interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

type mutatedNumber interface {
	mutatedWhole | ~float32 | ~float64 | ~complex64 | ~complex128
}

func mutatedConst[T any](id int, was, by T) T {
	if id == mutatedOn {
		return by
	}
	return was
}

func mutatedError(id int, err error) error {
	if id == mutatedOn {
		return nil
	}
	return err
}

func mutatedNeg[T mutatedNumber](id int, x T) T {
	if id == mutatedOn {
		return x
	}
	return -x
}

func mutatedAdd[T mutatedNumber](id int, x, y T) T {
	if id == mutatedOn {
		return x - y
	}
	return x + y
}

func mutatedSub[T mutatedNumber](id int, x, y T) T {
	if id == mutatedOn {
		return x + y
	}
	return x - y
}

func mutatedMul[T mutatedNumber](id int, x, y T) T {
	if id == mutatedOn {
		return x / y
	}
	return x * y
}

func mutatedQuo[T mutatedNumber](id int, x, y T) T {
	if id == mutatedOn {
		return x * y
	}
	return x / y
}

func mutatedRem[T mutatedWhole](id int, x, y T) T {
	if id == mutatedOn {
		return x * y
	}
	return x % y
}

func mutatedLess[T mutatedCmp.Ordered](id int, x, y T) bool {
	return x < y || id == mutatedOn && x == y
}

func mutatedLessEqual[T mutatedCmp.Ordered](id int, x, y T) bool {
	return x < y || id != mutatedOn && x == y
}

func mutatedMore[T mutatedCmp.Ordered](id int, x, y T) bool {
	return x > y || id == mutatedOn && x == y
}

func mutatedMoreEqual[T mutatedCmp.Ordered](id int, x, y T) bool {
	return x > y || id != mutatedOn && x == y
}

func mutatedAnd(id int, x bool, y func() bool) bool {
	if id == mutatedOn {
		return x || y()
	}
	return x && y()
}

func mutatedOr(id int, x bool, y func() bool) bool {
	if id == mutatedOn {
		return x && y()
	}
	return x || y()
}
`
