package core_test

import (
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

func parse(t *testing.T, raw string) core.Metadata {
	t.Helper()
	m, bad := core.ParseMetadata([]byte(raw))
	if bad != nil {
		t.Fatalf("%s: %s", raw, bad.Message)
	}
	return m
}

func TestMetadataKeepsNumbersAsWrittenAndSortsMembers(t *testing.T) {
	t.Parallel()
	got := parse(t, `{ "b": 12345678901234567890, "a": 1.10, "h": "<&>" }`)
	if want := core.Metadata(`{"a":1.10,"b":12345678901234567890,"h":"<&>"}`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMetadataRefusesWhatIsTooDeepTooLargeOrNoObject(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"six levels":        `{"a":{"b":{"c":{"d":{"e":{}}}}}}`,
		"six with an array": `{"a":[[[[[]]]]]}`,
		"an array":          `[1]`,
		"text":              `"x"`,
		"NUL in a value":    `{"a":"x\u0000y"}`,
		"NUL in a name":     `{"a\u0000":1}`,
		"too large":         `{"a":"` + strings.Repeat("x", core.MaxMetadataBytes) + `"}`,
	} {
		if m, bad := core.ParseMetadata([]byte(raw)); bad == nil {
			t.Errorf("%s is taken as %.40s", name, m)
		}
	}
	parse(t, `{"a":{"b":{"c":{"d":{"e":1}}}}}`) // five levels
}

func TestMetadataMergesAsRFC7396Says(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":"b"}`, `null`, `{}`},
	} {
		got, bad := parse(t, c.target).Merge([]byte(c.patch))
		if bad != nil || string(got.JSON()) != c.want {
			t.Errorf("%s + %s = %s (%v), want %s", c.target, c.patch, got.JSON(), bad, c.want)
		}
	}
}

func TestMetadataThatMergingMakesTooDeepIsRefused(t *testing.T) {
	t.Parallel()
	if got, bad := parse(t, `{"a":1}`).Merge([]byte(`{"a":{"b":{"c":{"d":{"e":{}}}}}}`)); bad == nil {
		t.Errorf("became %s", got)
	}
}

func TestMetadataMatchesByEqualMembers(t *testing.T) {
	t.Parallel()
	m := parse(t, `{"a":1,"b":{"c":[1,2]},"d":"x"}`)
	for want, match := range map[string]bool{
		`{}`: true, `{"a":1}`: true, `{"b":{"c":[1,2]}}`: true, `{"a":1,"d":"x"}`: true,
		`{"a":2}`: false, `{"b":{}}`: false, `{"e":null}`: false, `{"a":"1"}`: false,
	} {
		if m.Matches(parse(t, want)) != match {
			t.Errorf("matching %s is not %v", want, match)
		}
	}
}
