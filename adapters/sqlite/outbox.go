package sqlite

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/raven-memory/raven/core"
)

const selectEvents = `SELECT seq, event, type, at, actor, data FROM events
	WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?`

// Events lists a tenant's events after a number.
func (s *Store) Events(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.Event, error) {
	return view(ctx, s, func(q session) ([]core.Event, error) {
		var id int64
		if err := q.get(`SELECT id FROM tenants WHERE tenant = ?`, args{tenant}, &id); err != nil {
			return nil, err
		}
		scan := func(row scanner) (core.Event, error) { return scanEvent(row, tenant) }
		return list(q, scan, selectEvents, id, after, max(limit, 0))
	})
}

func scanEvent(row scanner, tenant core.TenantID) (core.Event, error) {
	e := core.Event{Tenant: tenant}
	var data *string
	err := row.Scan(&e.Seq, &e.ID, &e.Type, at{&e.At}, &e.Actor.Key, &data)
	if err != nil || data == nil {
		return e, err
	}
	e.Data, err = decodeData(*data)
	return e, err
}

func encodeData(data core.EventData) (any, error) {
	if data == nil {
		return nil, nil
	}
	text, err := json.Marshal(data)
	return string(text), err
}

// decodeData gives counts back as int64.
func decodeData(text string) (core.EventData, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var data core.EventData
	if err := d.Decode(&data); err != nil {
		return nil, err
	}
	for name, value := range data {
		data[name] = plain(value)
	}
	return data, nil
}

func plain(value any) any {
	switch value := value.(type) {
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return n
		}
		f, _ := value.Float64() //nolint:errcheck // it was encoded from one
		return f
	case []any:
		for i := range value {
			value[i] = plain(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = plain(value[name])
		}
	}
	return value
}
