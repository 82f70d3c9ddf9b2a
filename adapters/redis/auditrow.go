package redis

import (
	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// entryOfLog reads an entry. One that somebody changed is no error: what can't be
// what it was is given as something that has another hash, so that who verifies
// can name it.
func entryOfLog(tenant core.TenantID, m goredis.XMessage) core.AuditEntry {
	f := textOf(m)
	return core.AuditEntry{
		Event: core.Event{
			ID: core.EventID(f["id"]), Type: core.EventType(f["type"]), At: f.time("at"), Tenant: tenant,
			Seq: streamNumber(m.ID), Actor: core.Actor{Key: core.KeyID(f["actor"])}, Data: core.DecodeAuditData(f["data"]),
		},
		Leaf: hashOf(f["leaf"]), Chain: hashOf(f["chain"]), Added: f.time("added"),
	}
}

func hashOf(text string) (h core.AuditHash) {
	if len(text) == len(h) {
		copy(h[:], text)
	}
	return h
}
