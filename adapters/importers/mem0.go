package importers

import (
	"encoding/json"
)

// mem0 reads memories as mem0 gives them: Memory.get_all and the platform's
// GET /v1/memories, /v2/memories. Each is an object with id, memory, hash,
// metadata, created_at, updated_at, and user_id, agent_id, run_id, actor_id, role
// where it has them (mem0ai/mem0, mem0/configs/base.py: MemoryItem, and
// mem0/memory/main.py: promoted_payload_keys; docs.mem0.ai/api-reference/memory);
// the platform adds categories and expiration_date. They come as a list, in
// "results" or "memories", or a line each.
//
// A memory is a statement without its conversation, and becomes a fact that
// holds from when mem0 made it, to its expiration_date. What Raven has no place
// for in a fact stays behind: metadata, categories, hash, score.
type mem0 struct{ opt Options }

func (m mem0) visit(value json.RawMessage, emit func(Record), bad func(string)) {
	o, ok := objectIn(value)
	if !ok {
		bad("it is no object")
		return
	}
	for _, name := range []string{"results", "memories", "data"} {
		if list, ok := o.list(name); ok {
			for _, item := range list {
				m.visit(item, emit, bad)
			}
			return
		}
	}
	text := o.text("memory", "text")
	user := or(o.text("user_id", "agent_id", "app_id", "run_id"), m.opt.User)
	switch {
	case text == "":
		bad("it is no memory of mem0's: it has no text in memory")
	case user == "":
		bad("the memory names no user_id; --user says whose such memories are")
	default:
		emit(Record{Fact: &Fact{
			User: user, ID: o.text("id"), Text: text,
			ValidFrom: o.time("created_at", "updated_at"), ValidTo: o.time("expiration_date"),
		}})
	}
}
