package webhooks

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// wireTime is RFC 3339 in UTC with milliseconds.
const wireTime = "2006-01-02T15:04:05.000Z"

// eventJSON is an event as it is delivered: ids and counts, never content.
type eventJSON struct {
	ID        core.EventID   `json:"id"`
	Type      core.EventType `json:"type"`
	Timestamp string         `json:"timestamp"`
	Tenant    core.TenantID  `json:"tenant_id"`
	Seq       int64          `json:"seq,omitempty"` // of what is recorded
	Actor     any            `json:"actor"`
	Data      core.EventData `json:"data"`
}

// body is what is sent of an event.
func body(e core.Event) ([]byte, error) {
	out := eventJSON{
		ID: e.ID, Type: e.Type, Timestamp: e.At.UTC().Format(wireTime), Tenant: e.Tenant, Seq: e.Seq,
		Actor: "system", Data: e.Data,
	}
	if e.Actor.Key != "" {
		out.Actor = map[string]core.KeyID{"key_id": e.Actor.Key}
	}
	if out.Data == nil {
		out.Data = core.EventData{}
	}
	return json.Marshal(out)
}

// auditOnly are the events that no webhook is told of.
func auditOnly(t core.EventType) bool { return t == core.EventAuthFailed || t == core.EventMemoryRead }

// delivery makes an event's, due at once. Its id follows from the event's, so
// that an event has one however often it comes.
func delivery(e core.Event, now time.Time) (core.Delivery, error) {
	raw, err := body(e)
	return core.Delivery{
		ID:    core.DeliveryID("dlv_" + strings.TrimPrefix(string(e.ID), "evt_")),
		Event: e.ID, Type: e.Type, Body: raw, Status: core.DeliveryPending, NextAt: now, CreatedAt: now,
	}, err
}
