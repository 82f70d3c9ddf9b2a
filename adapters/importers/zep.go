package importers

import (
	"encoding/json"
)

// zep reads what the APIs of Zep answer, version 2 and 3, in any order and
// nested in any way: users, sessions or threads, messages, facts, and a graph's
// edges and episodes (getzep/zep-python, src/zep_cloud/types: user.py, session.py,
// message.py, fact.py, entity_edge.py, episode.py; help.getzep.com/sdk-reference).
//
//   - A user: user_id, first_name, last_name, email, metadata.
//   - A session (v2) is named by session_id, a thread (v3) by thread_id; both have
//     user_id, created_at and metadata, and become a conversation. Their messages
//     stand in "messages" beside those: role_type says who speaks and role is the
//     name in v2; role says who and name the name in v3. created_at is when.
//   - A fact (v2: fact or content) and an edge (v3: fact) have uuid, valid_at,
//     invalid_at, expired_at and created_at, and become a fact that holds from
//     valid_at to invalid_at.
//   - An episode has content, created_at, role, role_type, source and session_id or
//     thread_id, and becomes an interaction of that conversation, or else of one
//     named "episodes".
//
// Whose something is stands in it or in what it is nested in. Nodes stay behind:
// their summaries say what the edges say.
type zep struct{ opt Options }

// zepContext is what is known of an object from those around it.
type zepContext struct{ user, session string }

func (z zep) visit(value json.RawMessage, emit func(Record), bad func(string)) {
	z.value(value, zepContext{user: z.opt.User}, "", emit, bad)
}

// zepLists are the names of lists, in the order in which they have to be read.
var zepLists = []string{"users", "sessions", "threads", "results", "data", "messages", "episodes", "facts", "relevant_facts", "edges"}

func (z zep) value(value json.RawMessage, in zepContext, list string, emit func(Record), bad func(string)) {
	o, ok := objectIn(value)
	if !ok {
		bad("it is no object")
		return
	}
	in.user = or(o.text("user_id"), in.user)
	in.session = or(o.text("session_id", "thread_id"), in.session)
	switch {
	case o.text("fact") != "" || list == "facts" || o.has("valid_at") && o.has("content"):
		z.fact(o, in, emit, bad)
		return
	case o.has("content"):
		z.message(o, in, list, emit, bad)
		return
	case list == "nodes":
		return
	}
	known := z.owner(o, in, emit)
	for _, name := range zepLists {
		items, ok := o.list(name)
		for _, item := range items {
			z.value(item, in, name, emit, bad)
		}
		known = known || ok
	}
	for _, name := range []string{"user", "session", "thread"} {
		if o.has(name) {
			z.value(o[name], in, "", emit, bad)
			known = true
		}
	}
	if !known && !o.has("nodes") {
		bad("it is nothing that Zep's API answers")
	}
}

// owner emits the user or the conversation that an object is.
func (z zep) owner(o object, in zepContext, emit func(Record)) bool {
	switch {
	case o.text("session_id", "thread_id") != "":
		if in.user != "" {
			emit(Record{Conversation: &Conversation{User: in.user, Ref: in.session, Metadata: objectOf(o["metadata"])}})
		}
		return true
	case o.text("user_id") != "" && (o.has("first_name") || o.has("last_name") || o.has("email") || o.has("metadata")):
		name := o.text("first_name")
		if last := o.text("last_name"); last != "" {
			name = or(name, "") + " " + last
		}
		emit(Record{User: &User{Ref: in.user, DisplayName: trim(name), Metadata: objectOf(o["metadata"])}})
		return true
	default:
		return false
	}
}

func (z zep) fact(o object, in zepContext, emit func(Record), bad func(string)) {
	text := o.text("fact", "content")
	switch {
	case text == "":
		bad("the fact has no text")
	case in.user == "":
		bad("nothing says whose fact it is; --user does")
	default:
		emit(Record{Fact: &Fact{
			User: in.user, ID: o.text("uuid"), Text: text,
			ValidFrom: o.time("valid_at", "created_at"), ValidTo: o.time("invalid_at", "expired_at"),
		}})
	}
}

func (z zep) message(o object, in zepContext, list string, emit func(Record), bad func(string)) {
	speaker, name := o.text("role_type"), o.text("role")
	if !o.has("role_type") { // as in version 3
		speaker, name = o.text("role"), o.text("name")
	}
	role, ok := roleOf(speaker)
	if !ok {
		name = or(name, speaker)
	}
	if in.session == "" && (list == "episodes" || o.has("source")) {
		in.session = "episodes"
	}
	switch {
	case in.user == "":
		bad("nothing says whose message it is; --user does")
	case in.session == "":
		bad("nothing says which session or thread the message is of")
	case o.text("content") == "":
		bad("the message is empty")
	default:
		emit(Record{Interaction: &Interaction{
			User: in.user, Conversation: in.session, ID: o.text("uuid"), Role: role, Name: name, Content: o.text("content"),
			OccurredAt: o.time("created_at"), Metadata: objectOf(o["metadata"]),
		}})
	}
}
