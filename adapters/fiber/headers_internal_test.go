package fiberhttp

import (
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/core"
)

// FuzzHeaders holds that a header is read as a version that it names, as any, or
// as none: and that what is not one of our tags matches nothing.
func FuzzHeaders(f *testing.F) {
	for _, value := range []string{`"v1"`, `*`, `W/"v1"`, `"v1", "v2"`, `"v01"`, `"v1.2.3"`, `"v-1"`, `,,`, `"v9223372036854775808"`, "2024-05-01T10:00:00+14:00", "9999-12-31T23:59:59-23:00", "2024-05-01t1:00:00,5z"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		versions := ifMatch([]string{value})
		if len(versions) == 0 || len(versions) > maxTags {
			t.Errorf("%q names %d versions", value, len(versions))
		}
		for _, v := range versions {
			if v < noVersion || v == 0 && !strings.Contains(value, "*") {
				t.Errorf("%q names the version %d", value, v)
			}
		}
		if noneMatch([]string{value}, `"v7"`) && !strings.Contains(value, `"v7"`) && !strings.Contains(value, "*") {
			t.Errorf("%q matches", value)
		}
		if at, err := core.ParseTime(value); err == nil {
			if again, err := core.ParseTime(at.Format(time.RFC3339Nano)); err != nil || !again.Equal(at) {
				t.Errorf("%q is %v, and read again %v, %v", value, at, again, err)
			}
		}
		if visibleASCII(value, core.MaxIdempotencyKey) && strings.ContainsAny(value, " \t\r\n\x00\x7f") {
			t.Errorf("%q is taken for visible", value)
		}
	})
}

// FuzzQuery holds that a query is read within its parameters' bounds or refused
// with a code that a query can have.
func FuzzQuery(f *testing.F) {
	params := []param{
		{name: "limit", kind: paramNumber, low: 1, high: 100, preset: 50}, {name: "cursor", kind: paramCursor},
		{name: "order", kind: paramChoice, choices: []string{"asc", "desc"}},
	}
	for _, raw := range []string{"limit=5&order=desc", "limit=+5", "cursor=", "order=asc&order=asc", "%zz", "x=1", "limit=%00", "a=b;c=d", "limit=٣"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw, params)
		if err != nil {
			if code := core.CodeOf(err); code != core.CodeValidation && code != core.CodeInvalidCursor {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		if order, _ := q.text("order"); q.limit() < 1 || q.limit() > 100 || order != "asc" && order != "desc" {
			t.Errorf("%q: limit %d, order %q", raw, q.limit(), order)
		}
	})
}
