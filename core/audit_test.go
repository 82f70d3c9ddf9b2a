package core_test

import (
	"reflect"
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestAuditDataIsReadOnlyAsItWasWritten(t *testing.T) {
	t.Parallel()
	data := core.EventData{"user_id": "usr_1 <&>", "blobs": int64(1) << 60, "list": []any{int64(1), "a"}}
	text, err := core.EncodeAuditData(data)
	if want := `{"blobs":1152921504606846976,"list":[1,"a"],"user_id":"usr_1 <&>"}`; err != nil || text != want {
		t.Fatalf("written as %s, %v", text, err)
	}
	if got := core.DecodeAuditData(text); !reflect.DeepEqual(got, data) {
		t.Errorf("read as %v", got)
	}
	if text, err := core.EncodeAuditData(nil); err != nil || core.DecodeAuditData(text) != nil {
		t.Errorf("no data is written as %q, %v", text, err)
	}
	for _, changed := range []string{
		"", " ", "{", `{"a":1 }`, `{"b":1,"a":1}`, `{"a":1,"a":1}`, `{"a":1}{}`, `{"a":1}` + "\n", `{"a":1.0}`, `{"a":"\u003c"}`, "[]", "1",
	} {
		if got := core.DecodeAuditData(changed); !reflect.DeepEqual(got, core.EventData{core.ChangedData: changed}) {
			t.Errorf("%q is read as %v", changed, got)
		}
	}
}

func TestHashesAreSplitAsTheyWereJoined(t *testing.T) {
	t.Parallel()
	list := []core.AuditHash{{1}, {2}, {3}}
	joined := core.JoinHashes(list)
	if got := core.SplitHashes(append(joined, 9, 9)); !reflect.DeepEqual(got, list) {
		t.Errorf("split to %v", got)
	}
	if core.SplitHashes(nil) != nil || len(core.JoinHashes(nil)) != 0 {
		t.Error("nothing is something")
	}
}
