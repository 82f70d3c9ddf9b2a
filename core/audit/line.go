package audit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/raven-memory/raven/core"
)

// EventLine is an event outside the log. It holds all that its hash is over.
type EventLine struct {
	ID       core.EventID   `json:"id"`
	Type     core.EventType `json:"type"`
	At       string         `json:"timestamp"`
	TenantID core.TenantID  `json:"tenant_id"`
	Seq      int64          `json:"seq"`
	Actor    ActorLine      `json:"actor"`
	Data     core.EventData `json:"data"`
}

// ActorLine is who caused the event, in JSON {"key_id": …} or "system".
type ActorLine struct {
	Key core.KeyID
}

type keyActor struct {
	Key core.KeyID `json:"key_id"`
}

// MarshalJSON implements json.Marshaler.
func (a ActorLine) MarshalJSON() ([]byte, error) {
	if a.Key == "" {
		return json.Marshal(SystemActor)
	}
	return json.Marshal(keyActor(a))
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *ActorLine) UnmarshalJSON(text []byte) error {
	var system string
	if json.Unmarshal(text, &system) == nil && system == SystemActor {
		return nil
	}
	return json.Unmarshal(text, (*keyActor)(a))
}

// EntryLine is an entry outside the log.
type EntryLine struct {
	EventLine
	Leaf  string `json:"leaf_hash"`
	Chain string `json:"chain_hash"`
	Added string `json:"added_at"`
}

func hashText(h core.AuditHash) string { return base64.StdEncoding.EncodeToString(h[:]) }

// timeText is RFC 3339 in UTC with milliseconds, and with more only where there
// is more.
func timeText(t time.Time) string {
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		return t.UTC().Format(time.RFC3339Nano)
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// LineOf is the event's line.
func LineOf(e core.Event) EventLine {
	return EventLine{
		ID: e.ID, Type: e.Type, At: timeText(e.At), TenantID: e.Tenant, Seq: e.Seq,
		Actor: ActorLine{e.Actor.Key}, Data: e.Data,
	}
}

// EntryLineOf is the entry's line.
func EntryLineOf(e core.AuditEntry) EntryLine {
	return EntryLine{EventLine: LineOf(e.Event), Leaf: hashText(e.Leaf), Chain: hashText(e.Chain), Added: timeText(e.Added)}
}

func (l EventLine) event() (core.Event, error) {
	at, err := time.Parse(time.RFC3339Nano, l.At)
	if err != nil {
		return core.Event{}, errors.New("audit: the event's timestamp is not a time")
	}
	e := core.Event{ID: l.ID, Type: l.Type, At: at, Tenant: l.TenantID, Seq: l.Seq, Actor: core.Actor(l.Actor), Data: l.Data}
	e.Data.Numbers()
	return e, nil
}
