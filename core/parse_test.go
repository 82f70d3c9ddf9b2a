package core_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

// FuzzMetadata holds that what is taken is canonical and within its bounds, and
// that a merge of two that are is as well or is refused.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"b":1,"a":{"c":[1,2.50,"x"]}}`), []byte(`{"a":null,"d":{"e":1}}`))
	f.Add([]byte(`{"a":"\u0000"}`), []byte(`null`))
	f.Add([]byte(`{"a":1e999,"<":">"}`), []byte(`{"a":{"b":{"c":{"d":{"e":1}}}}}`))
	f.Fuzz(func(t *testing.T, raw, patch []byte) {
		if !json.Valid(raw) || !json.Valid(patch) {
			return // is refused before
		}
		m, bad := core.ParseMetadata(raw)
		if bad != nil {
			return
		}
		checkCanonical(t, m)
		if !m.Matches(m) {
			t.Errorf("%s does not match itself", m)
		}
		if merged, bad := m.Merge(patch); bad == nil {
			checkCanonical(t, merged)
		}
	})
}

func checkCanonical(t *testing.T, m core.Metadata) {
	t.Helper()
	again, bad := core.ParseMetadata(m.JSON())
	if bad != nil || again != m || len(m) > core.MaxMetadataBytes {
		t.Errorf("%q is read again as %q, %v", m, again, bad)
	}
}

// FuzzAuditData holds that one text alone stands for an event's data: any other
// is told apart from what was written.
func FuzzAuditData(f *testing.F) {
	for _, text := range []string{`{"blobs":2,"conversation_id":"cnv_1"}`, `{"a":1.0}`, `{"a": 1}`, `{"b":1,"a":2}`, `null`, ``, `{"a":1}{}`, `{"a":9223372036854775808}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data := core.DecodeAuditData(text)
		if changed, found := data[core.ChangedData]; found {
			if changed != text && !strings.Contains(text, core.ChangedData) {
				t.Errorf("%q became %q", text, changed)
			}
			return
		}
		if again, err := core.EncodeAuditData(data); err != nil || again != text {
			t.Errorf("%q is written %q, %v", text, again, err)
		}
	})
}

// FuzzIDs holds that nothing is an id that could leave the key or the path that it
// stands in.
func FuzzIDs(f *testing.F) {
	for _, id := range []string{"ten_01arz3ndektsv4rrffq69g5fav", "usr_", "ten_../../../../../../../../../", "blob_01arz3ndektsv4rrffq69g5fa}"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		valid := core.TenantID(id).Valid() || core.UserID(id).Valid() || core.BlobID(id).Valid() || core.KeyID(id).Valid()
		if valid && (len(id) > 31 || strings.ContainsFunc(id, func(r rune) bool { return r != '_' && (r < '0' || r > 'z' || r > '9' && r < 'a') })) {
			t.Errorf("%q is taken for an id", id)
		}
		if core.CheckName(id) == "" && strings.ContainsAny(id, "\x00\n\x7f") {
			t.Errorf("%q is taken for a name", id)
		}
	})
}
