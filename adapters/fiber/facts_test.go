package fiberhttp

import (
	"strings"
	"testing"
)

func TestAFactIsAnsweredWithAllOfItsMembers(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	said := text(w.must(key, 201, "POST", conversation+"/memory", said("I live in Oslo.")), "interaction_ids", 0)
	const facts = "/api/v1/users/ext:u/facts"
	const members = "id text subject attribute value valid_from valid_to superseded_by sources created_at"
	first := w.must(key, 201, "POST", facts, `{"text":"I live in Oslo.","source":{"interaction_id":"`+said+`"}}`)
	expectMembers(t, first, members)
	expectMembers(t, at(first, "sources", 0), "conversation_id interaction_id")
	if at(first, "sources", 0, "conversation_id") != nil || text(first, "sources", 0, "interaction_id") != said {
		t.Errorf("sources = %v", first["sources"])
	}
	second := w.must(key, 201, "POST", facts, `{"text":"I live in Lisbon."}`)
	expectMembers(t, second, members)
	list := w.must(key, 200, "GET", facts+"?include=superseded", "")
	if got := items(list, "data"); len(got) != 2 || text(got[0], "superseded_by") != text(second, "id") || at(got[1], "valid_to") != nil {
		t.Errorf("facts = %v", list)
	}
	expectTime(t, at(list, "data", 0, "valid_to"))
	ended := w.must(key, 200, "PATCH", facts+"/"+text(second, "id"), `{"valid_to":"2100-01-01T00:00:00Z"}`)
	if text(ended, "valid_to") != "2100-01-01T00:00:00.000Z" {
		t.Errorf("ended = %v", ended)
	}
	w.must(key, 204, "DELETE", facts+"/"+text(second, "id"), "")
	w.refuses(key, 404, "not_found", "DELETE", facts+"/"+text(second, "id"), "")
	for _, source := range []string{`{"interaction_id":"x"}`, `{"interaction_id":"` + said + `","conversation_id":"ext:c"}`} {
		p := w.refuses(key, 422, "validation_failed", "POST", facts, `{"text":"I live in Rome.","source":`+source+`}`)
		if !strings.HasPrefix(text(p, "errors", 0, "location"), "body.source.") {
			t.Errorf("%s: %v", source, p["errors"])
		}
	}
}
