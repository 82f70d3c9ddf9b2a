package core

import (
	"encoding/json"
	"time"
)

// EventType names what happened.
type EventType string

// The events there are.
const (
	EventTenantCreated       EventType = "tenant.created"
	EventTenantDeleted       EventType = "tenant.deleted"
	EventTenantSuspended     EventType = "tenant.suspended"
	EventTenantResumed       EventType = "tenant.resumed"
	EventSettingsUpdated     EventType = "settings.updated"
	EventKeyCreated          EventType = "key.created"
	EventKeyRotated          EventType = "key.rotated"
	EventKeyRevoked          EventType = "key.revoked"
	EventUserCreated         EventType = "user.created"
	EventUserUpdated         EventType = "user.updated"
	EventUserDeleted         EventType = "user.deleted"
	EventConversationCreated EventType = "conversation.created"
	EventConversationUpdated EventType = "conversation.updated"
	EventConversationClosed  EventType = "conversation.closed"
	EventMemoryFlushed       EventType = "memory.flushed"
	EventMemoryExpired       EventType = "memory.expired"
	EventMemoryDeleted       EventType = "memory.deleted"
	EventFactCreated         EventType = "fact.created"
	EventFactUpdated         EventType = "fact.updated"
	EventFactSuperseded      EventType = "fact.superseded"
	EventQuotaExhausted      EventType = "quota.exhausted"
	EventEncryptionRotated   EventType = "encryption.rotated"
	EventKeyUnavailable      EventType = "encryption.key_unavailable" // the tenant's own key is gone
	EventAuthFailed          EventType = "auth.failed"                // audit only; several in one event, counted
	EventMemoryRead          EventType = "memory.read"                // audit only, where reads are audited
	EventWebhookTest         EventType = "webhook.test"               // never recorded: no Seq
)

// Actor is who caused an event: an API key, or the system when Key is empty.
type Actor struct {
	Key KeyID
}

// Event is one fact for the audit log and webhooks. It holds ids and counts,
// never content. The step that records it gives it its Seq: 1, 2, 3, … per
// tenant, without gaps.
type Event struct {
	ID     EventID
	Type   EventType
	At     time.Time
	Tenant TenantID
	Seq    int64
	Actor  Actor
	Data   EventData

	// Webhook is where the tenant's events went and what signed them, sealed, with
	// the event that the tenant was deleted: nothing else tells by then. It is in
	// the outbox alone.
	Webhook []byte `json:",omitempty"`
}

// EventData is an event's particulars: ids as strings, counts as int64. Steps
// whose counts only the store knows add them under the names that their port
// gives.
type EventData map[string]any

// Numbers turns the numbers in the data, where they are as a JSON decoder with
// UseNumber gives them, into those that events have: int64, and float64 where
// they are not whole. It does so in place, within lists and objects too.
func (d EventData) Numbers() {
	for name, value := range d {
		d[name] = plainNumber(value)
	}
}

func plainNumber(value any) any {
	switch value := value.(type) {
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		f, _ := value.Float64() // JSON has no other numbers; out of range it is infinite
		return f
	case []any:
		for i := range value {
			value[i] = plainNumber(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = plainNumber(value[name])
		}
	}
	return value
}
