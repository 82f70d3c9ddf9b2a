package fiberhttp

import "testing"

// Every answer is held against the document as it comes.
func TestFactsAreAsTheDocumentHasThem(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, _ := w.talk("")
	const all = "/api/v1/users/ext:u/facts"
	made := w.must(key, 201, "POST", all, `{"text":"I live in Lisbon."}`)
	expectMembers(t, made, "id text subject attribute value valid_from valid_to superseded_by sources created_at")
	ended := w.must(key, 200, "PATCH", all+"/"+text(made, "id"), `{"valid_to":"2100-01-01T00:00:00Z"}`)
	if list := w.must(key, 200, "GET", all, ""); made["valid_to"] != nil || toJSON(items(list, "data")) != toJSON([]any{ended}) {
		t.Errorf("made %v, ended %v, listed %v", made, ended, list)
	}
}
