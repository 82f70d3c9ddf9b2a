package fiberhttp

import (
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/raven-memory/raven/core"
)

const schemaPrefix = "#/components/schemas/"

func typeFor[T any]() reflect.Type { return reflect.TypeFor[T]() }

// schemaName names a wire type's schema: userJSON is User, list[userJSON] is
// UserList.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name, suffix := t.Name(), ""
	if inner, ok := strings.CutPrefix(name, "list["); ok {
		name = strings.TrimSuffix(inner[strings.LastIndexByte(inner, '.')+1:], "]")
		suffix = "List"
	}
	if name = strings.TrimSuffix(name, "JSON"); name == "" {
		name = hint
	}
	if name == "" {
		return suffix
	}
	return strings.ToUpper(name[:1]) + name[1:] + suffix
}

// The wire types whose JSON their Go type does not show say it here.

// Schema is that of the value, or null.
func (o optional[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(typeFor[T](), false, "")
	s.Nullable = true
	return &s
}

// Schema is any object.
func (o object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// Schema is a time.
func (i instant) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}

// Schema is a list of scopes; a preset's name may stand in its place in requests.
func (s scopeSet) Schema(huma.Registry) *huma.Schema {
	oneOf := func(names []string) *huma.Schema {
		s := &huma.Schema{Type: huma.TypeString}
		for _, name := range names {
			s.Enum = append(s.Enum, name)
		}
		return s
	}
	list := &huma.Schema{Type: huma.TypeArray, Items: oneOf(core.ScopeNames())}
	preset := oneOf(core.PresetNames())
	return &huma.Schema{OneOf: []*huma.Schema{list, preset}, Examples: []any{"agent_only"}}
}

// schemaOf registers a type and gives a reference to its schema.
func schemaOf(r huma.Registry, t reflect.Type) *huma.Schema { return r.Schema(t, true, "") }

// notNull takes back that lists may be null, which huma assumes; in Raven those
// that may be left out are.
func notNull(schemas map[string]*huma.Schema) {
	for _, s := range schemas {
		for name, p := range s.Properties {
			if p.Type == huma.TypeArray {
				p.Nullable = !slices.Contains(s.Required, name)
			}
		}
	}
}

// TransformSchema adds the fields of the embedded header, which huma does not see.
func (issuedKeyJSON) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	return withFieldsOf[apiKeyJSON](r, s)
}

// TransformSchema is as that of issuedKeyJSON.
func (openBlobJSON) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	return withFieldsOf[blobJSON](r, s)
}

// TransformSchema says which status there is to set. It is no enum tag, because the
// service says more of another one.
func (conversationPatchJSON) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Properties["status"].Enum = []any{string(core.ConversationClosed)}
	return s
}

func withFieldsOf[T any](r huma.Registry, s *huma.Schema) *huma.Schema {
	embedded := r.Schema(typeFor[T](), false, "")
	for name, field := range embedded.Properties {
		s.Properties[name] = field
	}
	s.Required = append(s.Required, embedded.Required...)
	return s
}
