// Package specnames is what a spec with a name, which is JSON of its own, asks of
// the registry. The registry imports bijector, where such specs are declared,
// so bijector cannot import the registry: it sets these functions instead.
package specnames

import "errors"

// NameOf returns the name that specs of this type are registered under, or why
// they have no name. In a program without the registry no spec has a name.
var NameOf = func(spec any) (string, error) { return "", nil }

// Decode returns a value of the type that is registered under a name, and
// whether there is one that the JSON fits.
var Decode = func(name string, spec []byte) (any, bool) { return nil, false }

// ErrNotRegistered: a name or a spec is not registered.
var ErrNotRegistered = errors.New("not registered")

// ErrNoType: a spec without a name where one is wanted.
var ErrNoType = errors.New(`no "type" is given`)

// Borrowed is JSON where it was read, good until the call of json.Unmarshal
// returns: copied at each level, a deep spec would take many times its memory.
type Borrowed []byte

// UnmarshalJSON borrows text.
func (b *Borrowed) UnmarshalJSON(text []byte) error {
	*b = text
	return nil
}
