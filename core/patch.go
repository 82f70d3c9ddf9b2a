package core

// Patch is one member of a merge patch (RFC 7396): left out, null, or a value.
// The zero value is left out.
type Patch[T any] struct {
	Set   bool
	Value *T // nil with Set is null
}

// SetTo is a member that is a value.
func SetTo[T any](v T) Patch[T] { return Patch[T]{Set: true, Value: &v} }

// Null is a member that is null.
func Null[T any]() Patch[T] { return Patch[T]{Set: true} }
