// Package nilcheck finds the nil pointers that hide in interfaces.
package nilcheck

import "reflect"

// IsNil reports whether v is nil, or holds a nil pointer or function.
func IsNil(v any) bool {
	if v == nil {
		return true
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice:
		return r.IsNil()
	}
	return false
}
