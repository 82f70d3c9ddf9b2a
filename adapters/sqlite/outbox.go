package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/raven-memory/raven/core"
)

const selectEvents = `SELECT seq, event, type, at, actor, data, webhook FROM events
	WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?`

// outboxOf is whose outbox it is: a tenant that exists, or one that was deleted
// and of which something is to be relayed, or the deployment, 0.
func outboxOf(q session, tenant core.TenantID) (int64, error) {
	if tenant == core.DeploymentTenant {
		return keyOwner(q, tenant)
	}
	return one(q, itself[int64], `SELECT id FROM tenants WHERE tenant = ? AND (deleted_at IS NULL OR last_seq > trimmed_seq)`, tenant)
}

// Events lists a tenant's events after a number.
func (s *Store) Events(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.Event, error) {
	return view(ctx, s, func(q session) ([]core.Event, error) {
		id, err := outboxOf(q, tenant)
		if err != nil {
			return nil, err
		}
		return list(q, eventOf(tenant), selectEvents, id, after, max(limit, 0))
	})
}

func eventOf(tenant core.TenantID) fields[core.Event] {
	return func(e *core.Event) []any {
		e.Tenant = tenant
		return []any{&e.Seq, &e.ID, &e.Type, at{&e.At}, &e.Actor.Key, eventData{&e.Data}, &e.Webhook}
	}
}

func encodeData(data core.EventData) (any, error) {
	if data == nil {
		return nil, nil
	}
	text, err := json.Marshal(data)
	return string(text), err
}

// eventData scans an event's data; counts come back as int64.
type eventData struct{ data *core.EventData }

// Scan implements sql.Scanner.
func (e eventData) Scan(value any) error {
	if value == nil {
		return nil
	}
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("sqlite: a %T where an event's data should be", value)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(e.data); err != nil {
		return err
	}
	e.data.Numbers()
	return nil
}
