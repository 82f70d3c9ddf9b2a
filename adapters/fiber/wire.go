package fiberhttp

import (
	"github.com/raven-memory/raven/core"
)

// Types whose names end in JSON are what goes over the wire. A field of a
// request is required unless its tag says omitzero; a field of an answer is
// always there unless its tag says so. The other tags are for OpenAPI; the
// bounds they state are held by the services.

// list is a page of a list.
type list[T any] struct {
	Data       []T     `json:"data" doc:"The page's items."`
	NextCursor *string `json:"next_cursor" doc:"Gives the next page as ?cursor=; null on the last."`
}

// listOf converts a page.
func listOf[T, J any](page core.List[T], convert func(T) J) list[J] {
	out := list[J]{Data: make([]J, 0, len(page.Items)), NextCursor: orNil(page.Next)}
	for _, item := range page.Items {
		out.Data = append(out.Data, convert(item))
	}
	return out
}

// noBody is a body that has nothing in it yet.
type noBody struct{}

// orNil writes "no value" as the wire does.
func orNil[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	out := string(s)
	return &out
}

// nilIfEmpty is orNil for a string that stays where it is.
func nilIfEmpty(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

// orEmpty reads it.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func idStrings[ID ~string](ids []ID) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		out = append(out, string(id))
	}
	return out
}
