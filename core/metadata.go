package core

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Metadata is a JSON object of the caller's, kept as canonical JSON: members
// sorted by name, numbers as they were written, no white space. "" is the empty
// object.
type Metadata string

// ParseMetadata reads a JSON object and checks its size (MaxMetadataBytes),
// depth (MaxMetadataDepth) and that no text in it holds NUL. raw must be valid
// JSON; nothing and null are the empty object. The error's Location is "".
func ParseMetadata(raw []byte) (Metadata, *FieldError) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	members, bad := decodeMetadata(raw)
	if bad != nil {
		return "", bad
	}
	return encodeMetadata(members)
}

// Merge applies a JSON merge patch (RFC 7396): members set to null go, objects
// merge, everything else replaces. A patch of null gives the empty object.
func (m Metadata) Merge(patch []byte) (Metadata, *FieldError) {
	if len(patch) == 0 || string(patch) == "null" {
		return "", nil
	}
	change, bad := decodeMetadata(patch)
	if bad != nil {
		return "", bad
	}
	return encodeMetadata(mergePatch(m.members(), change))
}

// JSON is the object as JSON.
func (m Metadata) JSON() []byte {
	if m == "" {
		return []byte("{}")
	}
	return []byte(m)
}

// Matches reports whether every member of want is in m with an equal value.
func (m Metadata) Matches(want Metadata) bool {
	if want == "" {
		return true
	}
	have := m.members()
	for name, value := range want.members() {
		other, ok := have[name]
		if !ok || !bytes.Equal(mustJSON(value), mustJSON(other)) {
			return false
		}
	}
	return true
}

func (m Metadata) members() map[string]any {
	if m == "" {
		return map[string]any{}
	}
	members, bad := decodeMetadata([]byte(m))
	if bad != nil {
		return map[string]any{} // m was checked when it was made
	}
	return members
}

func decodeMetadata(raw []byte) (map[string]any, *FieldError) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, &FieldError{Message: "must be a JSON object"}
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, &FieldError{Message: "must be a JSON object"}
	}
	if depth(value) > MaxMetadataDepth {
		return nil, &FieldError{Message: fmt.Sprintf("must not nest deeper than %d levels", MaxMetadataDepth)}
	}
	if holdsNUL(value) {
		return nil, &FieldError{Message: "must not contain NUL characters"}
	}
	return members, nil
}

func encodeMetadata(members map[string]any) (Metadata, *FieldError) {
	if len(members) == 0 {
		return "", nil
	}
	if depth(members) > MaxMetadataDepth {
		return "", &FieldError{Message: fmt.Sprintf("must not nest deeper than %d levels", MaxMetadataDepth)}
	}
	out := mustJSON(members)
	if len(out) > MaxMetadataBytes {
		return "", &FieldError{Message: fmt.Sprintf("must not be larger than %d bytes of JSON", MaxMetadataBytes)}
	}
	return Metadata(out), nil
}

func mustJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("core: decoded JSON does not encode: %v", err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func mergePatch(target, patch map[string]any) map[string]any {
	for name, value := range patch {
		if value == nil {
			delete(target, name)
			continue
		}
		change, ok := value.(map[string]any)
		if !ok {
			target[name] = value
			continue
		}
		inner, ok := target[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
		}
		target[name] = mergePatch(inner, change)
	}
	return target
}

// depth counts nested objects and arrays; a plain value is 0.
func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	case []any:
		for _, inner := range v {
			deepest = max(deepest, depth(inner))
		}
	default:
		return 0
	}
	return deepest + 1
}

func holdsNUL(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case map[string]any:
		for name, inner := range v {
			if strings.ContainsRune(name, 0) || holdsNUL(inner) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if holdsNUL(inner) {
				return true
			}
		}
	}
	return false
}
