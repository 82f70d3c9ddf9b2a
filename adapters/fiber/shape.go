package fiberhttp

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

type kind int

const (
	kindObject kind = iota + 1
	kindList
	kindText
	kindInteger
	kindNumber
	kindBoolean
	kindCustom // decided by check alone
)

// wants is how a refusal names each kind.
var wants = map[kind]string{
	kindObject: "an object", kindList: "a list", kindText: "a string",
	kindInteger: "a whole number", kindNumber: "a number", kindBoolean: "true or false",
}

// shape is what a JSON value of a request must look like. It is derived from
// the Go type that the value is decoded into, once.
type shape struct {
	kind     kind
	nullable bool
	fields   map[string]*shape // of an object
	names    []string          // of its fields, in order
	required map[string]bool
	elem     *shape   // of a list
	choices  []string // of a text, where there are only some
	check    func(raw jsontext.Value) string
	harmless bool // of what check decides: a refused value may be repeated
}

// shaped is a type with a shape of its own.
type shaped interface{ shape() *shape }

var shapes sync.Map // reflect.Type → *shape

// shapeOf derives the shape of a type. It panics on a type that no request may
// have, which a test that builds every route finds.
func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape) //nolint:forcetypeassert // nothing else is stored
	}
	s := deriveShape(t)
	shapes.Store(t, s)
	return s
}

func deriveShape(t reflect.Type) *shape {
	if t.Kind() == reflect.Pointer {
		return shapeOf(t.Elem()).orNull()
	}
	if own, ok := reflect.Zero(t).Interface().(shaped); ok {
		return own.shape()
	}
	switch t.Kind() {
	case reflect.Struct:
		return shapeOfStruct(t)
	case reflect.Slice:
		return &shape{kind: kindList, elem: shapeOf(t.Elem())}
	case reflect.String:
		return &shape{kind: kindText}
	case reflect.Int64, reflect.Int:
		return &shape{kind: kindInteger}
	case reflect.Float64:
		return &shape{kind: kindNumber}
	case reflect.Bool:
		return &shape{kind: kindBoolean}
	default:
		panic(fmt.Sprintf("fiberhttp: no shape for %s", t))
	}
}

func (s *shape) orNull() *shape {
	out := *s
	out.nullable = true
	return &out
}

// oneOf leaves a text, or the texts of a list, only these values.
func (s *shape) oneOf(choices []string) *shape {
	out := *s
	if s.kind == kindList {
		out.elem = s.elem.oneOf(choices)
	} else {
		out.choices = choices
	}
	return &out
}

// shapeOfStruct takes a field as required unless its tag says omitzero; then it
// may be null too.
func shapeOfStruct(t reflect.Type) *shape {
	s := &shape{kind: kindObject, fields: map[string]*shape{}, required: map[string]bool{}}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		name, options, _ := strings.Cut(tag.Get("json"), ",")
		field := *shapeOf(t.Field(i).Type)
		if choices := tag.Get("enum"); choices != "" {
			field = *field.oneOf(strings.Split(choices, ","))
		}
		if strings.Contains(options, "omitzero") {
			field.nullable = true
		} else {
			s.required[name] = true
		}
		s.fields[name] = &field
		s.names = append(s.names, name)
	}
	return s
}

// allOptional reports whether an empty body says as much as an empty object.
func (s *shape) allOptional() bool { return s.kind == kindObject && len(s.required) == 0 }

// near finds the field that a name in another letter case was meant for.
func (s *shape) near(name string) string {
	for _, known := range s.names {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}
