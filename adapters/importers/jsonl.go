package importers

import (
	"encoding/json"
	"strings"
)

// plain is a line of the plain format: one interaction.
type plain struct {
	User         string          `json:"user"`         // the caller's own id of the user
	Conversation string          `json:"conversation"` // and of the conversation
	Role         string          `json:"role"`         // user, assistant, system or tool
	Content      string          `json:"content"`
	Name         string          `json:"name,omitempty"`
	OccurredAt   *moment         `json:"occurred_at,omitempty"` // RFC 3339
	Metadata     json.RawMessage `json:"metadata,omitempty"`    // an object
}

func plainLine(opt Options) func([]byte) (Record, bool, string) {
	return func(line []byte) (Record, bool, string) {
		var in plain
		d := json.NewDecoder(strings.NewReader(string(line)))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return Record{}, false, "it is not what a line holds: " + wrong(err)
		}
		if in.User == "" {
			in.User = opt.User
		}
		switch {
		case in.User == "":
			return Record{}, false, "user is missing"
		case in.Conversation == "":
			return Record{}, false, "conversation is missing"
		case in.Content == "":
			return Record{}, false, "content is missing"
		}
		role, ok := roleOf(in.Role)
		if !ok {
			return Record{}, false, "role must be user, assistant, system or tool"
		}
		return Record{Interaction: &Interaction{
			User: in.User, Conversation: in.Conversation, Role: role, Name: in.Name, Content: in.Content,
			OccurredAt: in.OccurredAt.time(), Metadata: objectOf(in.Metadata),
		}}, false, ""
	}
}
