package bijector

// NamedSpec is a part within a container's spec: the name it is registered under
// and its own spec. Spec is a registered struct when built in Go, and
// json.RawMessage when the registry decodes it (encoding/json by itself would
// make a map of it, and lose digits of large seeds); the Builder reads both,
// and finds an empty Name by the type of Spec.
type NamedSpec struct {
	Name string `json:"type"`
	Spec any    `json:"spec"`
}

// Builder makes the parts of a container from their nodes. The registry
// implements it.
type Builder[T Float] interface {
	Layer(NamedSpec) (Layer[T], error)
	Network(NamedSpec) (Network[T], error)
}
