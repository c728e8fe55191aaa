package command

import (
	"fmt"
	"strconv"
	"strings"
)

// Sizes is a list of positive numbers as a flag: 100,100.
type Sizes []int

// MaxSize bounds each of Sizes. Nothing that trains in a day is larger, and a
// slip of the finger should not take all memory.
const MaxSize = 4096

func (s *Sizes) String() string {
	parts := make([]string, len(*s))
	for i, n := range *s {
		parts[i] = strconv.Itoa(n)
	}
	return strings.Join(parts, ",")
}

func (s *Sizes) Set(text string) error {
	*s = nil
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > MaxSize {
			return fmt.Errorf("%q is no number from 1 to %d; want one or several with commas between, such as 100,100", part, MaxSize)
		}
		*s = append(*s, n)
	}
	return nil
}
