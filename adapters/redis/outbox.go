package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// textOf reads an entry of a stream.
func textOf(m goredis.XMessage) fields {
	f := make(fields, len(m.Values))
	for name, value := range m.Values {
		if text, ok := value.(string); ok {
			f[name] = text
		}
	}
	return f
}

// Events lists a tenant's events after a number.
func (s *Store) Events(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.Event, error) {
	t, err := keysOfOwner(tenant)
	if err != nil {
		return nil, err
	}
	var exists *goredis.IntCmd
	var found *goredis.XMessageSliceCmd
	err = s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		exists = p.Exists(ctx, t.tenant(), t.events())
		found = p.XRangeN(ctx, t.events(), afterID(after), "+", int64(max(limit, 1)))
	})
	if err == nil && exists.Val() == 0 {
		err = core.NotFound()
	}
	if err != nil {
		return nil, err
	}
	var events []core.Event
	for _, m := range found.Val()[:min(len(found.Val()), max(limit, 0))] {
		e, err := eventOf(tenant, m)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// eventOf reads an event. Counts that the step added stand beside its data.
func eventOf(tenant core.TenantID, m goredis.XMessage) (core.Event, error) {
	f := textOf(m)
	counts := core.EventData{}
	for _, name := range []string{"conversations", "interactions", "blobs"} {
		if _, ok := f[name]; ok {
			counts[name] = f.int(name)
		}
	}
	data, err := decodeData(f["data"], counts)
	var webhook []byte
	if f["webhook"] != "" {
		webhook = []byte(f["webhook"])
	}
	return core.Event{
		ID: core.EventID(f["id"]), Type: core.EventType(f["type"]), At: f.time("at"), Tenant: tenant,
		Seq: streamNumber(m.ID), Actor: core.Actor{Key: core.KeyID(f["actor"])}, Data: data, Webhook: webhook,
	}, err
}
