package importers

import (
	"encoding/json"
	"strings"
)

// memobase reads what Memobase's API answers (memodb-io/memobase,
// docs/site/openapi.json, src/server/api/memobase_server/models/response.py and
// blob.py; src/client/memobase-ts/src/types.ts): users, their profiles, events and
// blobs, each in a list of that name, in "data" or bare. Whose they are stands in
// user_id, or in the id of the user that they are nested in.
//
//   - A user {id, data, created_at} becomes a user with data as its metadata.
//   - A profile {id, content, attributes {topic, sub_topic}, created_at,
//     updated_at} becomes a fact "topic, sub_topic: content" that holds since it
//     was last changed.
//   - An event {id, event_data {event_tip, profile_delta, event_tags}, created_at}
//     becomes an interaction of the conversation "memobase:events", with its tip
//     as content. One that only tells of changed profiles stays behind.
//   - A blob becomes a conversation of its own: a chat's messages {role, content,
//     alias, created_at} one interaction each, a transcript's pieces likewise, a
//     document, code or summary one.
type memobase struct{ opt Options }

const memobaseEvents = "memobase:events"

func (m memobase) visit(value json.RawMessage, emit func(Record), bad func(string)) {
	m.value(value, m.opt.User, "", emit, bad)
}

func (m memobase) value(value json.RawMessage, user, list string, emit func(Record), bad func(string)) {
	o, ok := objectIn(value)
	if !ok {
		bad("it is no object")
		return
	}
	user = or(o.text("user_id"), user)
	switch {
	case o.has("attributes") && o.has("content"):
		m.profile(o, user, emit, bad)
	case o.has("event_data"):
		m.event(o, user, emit, bad)
	case list == "blobs" || o.has("blob_data") || o.has("blob_type"):
		m.blob(o, user, emit, bad)
	default:
		m.nested(o, user, list, emit, bad)
	}
}

// nested reads the lists of an object, which may be a user.
func (m memobase) nested(o object, user, list string, emit func(Record), bad func(string)) {
	holds := false
	for _, name := range []string{"profiles", "events", "blobs"} {
		holds = holds || o.has(name)
	}
	if id := o.text("id"); id != "" && (list == "users" || list == "" && (holds || o.has("data"))) {
		user = id
		emit(Record{User: &User{Ref: id, Metadata: objectOf(o["data"])}})
		holds = true
	} else if inner, ok := objectIn(o["data"]); ok { // what an answer holds
		m.nested(inner, or(inner.text("user_id"), user), list, emit, bad)
		return
	}
	for _, name := range []string{"users", "profiles", "blobs", "events"} {
		items, ok := o.list(name)
		for _, item := range items {
			m.value(item, user, name, emit, bad)
		}
		holds = holds || ok
	}
	if !holds {
		bad("it is nothing that Memobase's API answers")
	}
}

func (m memobase) profile(o object, user string, emit func(Record), bad func(string)) {
	attributes, _ := objectIn(o["attributes"])
	topic := strings.Join(without(attributes.text("topic"), attributes.text("sub_topic")), ", ")
	text := o.text("content")
	switch {
	case text == "":
		bad("the profile has no content")
		return
	case user == "":
		bad("nothing says whose profile it is; --user does")
		return
	case topic != "":
		text = topic + ": " + text
	}
	emit(Record{Fact: &Fact{User: user, ID: o.text("id"), Text: text, ValidFrom: o.time("updated_at", "created_at")}})
}

func (m memobase) event(o object, user string, emit func(Record), bad func(string)) {
	data, _ := objectIn(o["event_data"])
	tip := data.text("event_tip")
	switch {
	case user == "":
		bad("nothing says whose event it is; --user does")
	case tip != "":
		emit(Record{Interaction: &Interaction{
			User: user, Conversation: memobaseEvents, ID: o.text("id"), Role: "system", Content: tip, OccurredAt: o.time("created_at"),
		}})
	}
}

func (m memobase) blob(o object, user string, emit func(Record), bad func(string)) {
	data, ok := objectIn(o["blob_data"])
	if !ok {
		data = o
	}
	id := or(o.text("id"), data.text("id"))
	switch {
	case user == "":
		bad("nothing says whose blob it is; --user does")
		return
	case id == "":
		bad("the blob has no id")
		return
	}
	base := Interaction{User: user, Conversation: "memobase:" + id, Role: "user", OccurredAt: o.time("created_at")}
	emit(Record{Conversation: &Conversation{User: user, Ref: base.Conversation, Metadata: objectOf(o["fields"])}})
	found := false
	for _, name := range []string{"messages", "transcripts"} {
		items, _ := data.list(name)
		for _, item := range items {
			piece, _ := objectIn(item)
			found = m.piece(piece, base, emit, bad) || found
		}
	}
	if text := data.text("content", "summary"); text != "" {
		base.Content = text
		emit(Record{Interaction: &base})
		found = true
	}
	if !found {
		bad("the blob holds no text")
	}
}

func (m memobase) piece(piece object, base Interaction, emit func(Record), bad func(string)) bool {
	role, ok := roleOf(piece.text("role"))
	if base.Content = piece.text("content"); base.Content == "" || !ok {
		bad("a message of the blob is empty, or has no role that is known")
		return false
	}
	base.Role, base.Name = role, piece.text("alias", "speaker")
	if at := piece.time("created_at"); at != nil {
		base.OccurredAt = at
	}
	emit(Record{Interaction: &base})
	return true
}

// without leaves out empty words.
func without(words ...string) (list []string) {
	for _, w := range words {
		if w = trim(w); w != "" {
			list = append(list, w)
		}
	}
	return list
}

func trim(text string) string { return strings.TrimSpace(text) }
