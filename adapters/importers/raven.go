package importers

import (
	"encoding/json"
)

// ravenLine is a line of GET /api/v1/users/{id}/export.
type ravenLine struct {
	Type string `json:"type"`
	User *struct {
		ID          string          `json:"id"`
		ExternalRef string          `json:"external_ref"`
		DisplayName string          `json:"display_name"`
		Metadata    json.RawMessage `json:"metadata"`
	} `json:"user"`
	Conversation *struct {
		ID          string          `json:"id"`
		ExternalRef string          `json:"external_ref"`
		Title       string          `json:"title"`
		Metadata    json.RawMessage `json:"metadata"`
		Status      string          `json:"status"`
	} `json:"conversation"`
	Interaction *struct {
		ID             string          `json:"id"`
		ConversationID string          `json:"conversation_id"`
		Role           string          `json:"role"`
		Name           string          `json:"name"`
		Content        string          `json:"content"`
		Metadata       json.RawMessage `json:"metadata"`
		OccurredAt     *moment         `json:"occurred_at"`
	} `json:"interaction"`
	Fact *struct {
		ID           string  `json:"id"`
		Text         string  `json:"text"`
		Subject      string  `json:"subject"`
		Attribute    string  `json:"attribute"`
		Value        string  `json:"value"`
		ValidFrom    *moment `json:"valid_from"`
		ValidTo      *moment `json:"valid_to"`
		SupersededBy string  `json:"superseded_by"`
		Sources      []struct {
			InteractionID string `json:"interaction_id"`
		} `json:"sources"`
	} `json:"fact"`
}

// ravenExport reads exports, one after the other. A user or conversation without
// an external reference gets the id that it had as one.
type ravenExport struct {
	user         string
	id           string // of the conversation at hand
	conversation string // its reference
}

func (e *ravenExport) line(line []byte) (Record, bool, string) {
	var in ravenLine
	if err := json.Unmarshal(line, &in); err != nil {
		return Record{}, false, "it is no line of an export: " + wrong(err)
	}
	switch {
	case in.Type == "user" && in.User != nil:
		e.user, e.id, e.conversation = or(in.User.ExternalRef, in.User.ID), "", ""
		if e.user == "" {
			return Record{}, false, "the user has neither an external reference nor an id"
		}
		return Record{User: &User{Ref: e.user, DisplayName: in.User.DisplayName, Metadata: objectOf(in.User.Metadata)}}, false, ""
	case in.Type == "end":
		e.user = ""
		return Record{}, true, ""
	case e.user == "":
		return Record{}, false, "it stands outside an export, which begins with a user"
	case in.Type == "conversation" && in.Conversation != nil:
		c := in.Conversation
		e.id, e.conversation = c.ID, or(c.ExternalRef, c.ID)
		if e.conversation == "" {
			return Record{}, false, "the conversation has neither an external reference nor an id"
		}
		return Record{Conversation: &Conversation{
			User: e.user, Ref: e.conversation, Title: c.Title, Metadata: objectOf(c.Metadata), Closed: c.Status == "closed",
		}}, false, ""
	case in.Type == "interaction" && in.Interaction != nil:
		return e.interaction(in)
	case in.Type == "fact" && in.Fact != nil:
		return e.fact(in)
	default:
		return Record{}, false, "it is no line of an export"
	}
}

func (e *ravenExport) interaction(in ravenLine) (Record, bool, string) {
	m := in.Interaction
	if m.ConversationID != e.id || e.conversation == "" {
		return Record{}, false, "its conversation is not the one before it"
	}
	return Record{Interaction: &Interaction{
		User: e.user, Conversation: e.conversation, ID: m.ID, Role: m.Role, Name: m.Name, Content: m.Content,
		OccurredAt: m.OccurredAt.time(), Metadata: objectOf(m.Metadata),
	}}, false, ""
}

func (e *ravenExport) fact(in ravenLine) (Record, bool, string) {
	f := in.Fact
	out := &Fact{
		User: e.user, ID: f.ID, Text: f.Text, Subject: f.Subject, Attribute: f.Attribute, Value: f.Value,
		ValidFrom: f.ValidFrom.time(), ValidTo: f.ValidTo.time(), SupersededBy: f.SupersededBy,
	}
	for _, s := range f.Sources {
		out.Sources = append(out.Sources, s.InteractionID)
	}
	return Record{Fact: out}, false, ""
}

// end is reached without the last line when the export was cut.
func (e *ravenExport) end() string {
	if e.user != "" {
		return "the export is cut: its last line is missing"
	}
	return ""
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
