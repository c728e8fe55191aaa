// Package dataset is where MNIST's commands have their images from: the digits
// of package mnist, or a directory of files in their format.
package dataset

import (
	"fmt"
	"io"

	"github.com/bijou-flow/bijou/internal/command"
	"github.com/bijou-flow/bijou/mnist"
)

// Flag declares -data.
func Flag(f *command.Flags, dir *string) {
	f.String(dir, "data", "", "`directory` of other IDX files, such as Fashion-MNIST's; empty: MNIST")
}

// LimitFlag declares -limit.
func LimitFlag(f *command.Flags, limit *int) {
	f.Int(limit, "limit", 0, 0, command.Most, "train on the first `n` training images only; 0: all. The test set stays whole")
}

// Load reads MNIST or the set in dir, and cuts the training images to the
// first limit.
func Load(dir string, limit int, log io.Writer) (train, test *mnist.Set, err error) {
	if dir == "" {
		train, test, err = mnist.Load()
	} else {
		train, test, err = mnist.LoadDir(dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("-data: %w; want a directory with the four IDX files of MNIST or a set like it", err)
	}
	if limit > 0 {
		train = train.Head(limit)
	}
	if train.Len() < 2 {
		return nil, nil, fmt.Errorf("%d training image is too few, want at least 2", train.Len())
	}
	fmt.Fprintf(log, "data: %d training and %d test images of %d x %d, %d classes\n", train.Len(), test.Len(), train.Height(), train.Width(), train.Classes())
	return train, test, nil
}
