package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/core"
)

// columns are those of an entry, in the order of scanEntry.
const columns = `tenant_id, seq, event_id, type, at, actor, data, leaf, chain, added_at`

// scanEntry reads an entry. A row that somebody changed is no error: what can't
// be what it was is given as something that has another hash, so that who
// verifies can name it.
func scanEntry(row pgx.CollectableRow) (core.AuditEntry, error) {
	var e core.AuditEntry
	var data string
	var leaf, chain []byte
	err := row.Scan(&e.Event.Tenant, &e.Event.Seq, &e.Event.ID, &e.Event.Type, &e.Event.At, &e.Event.Actor.Key,
		&data, &leaf, &chain, &e.Added)
	e.Event.At, e.Added = e.Event.At.UTC(), e.Added.UTC()
	e.Event.Data = core.DecodeAuditData(data)
	e.Leaf, e.Chain = hashOf(leaf), hashOf(chain)
	return e, err
}

func hashOf(b []byte) (h core.AuditHash) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

// batch is entries by column.
type batch struct {
	seqs                    []int64
	ids, types, actors, all []string // all is the data
	at, added               []time.Time
	leaves, chains          [][]byte
}

func batchOf(entries []core.AuditEntry) (b batch, err error) {
	for i := range entries {
		e := &entries[i]
		data, err := core.EncodeAuditData(e.Event.Data)
		if err != nil {
			return b, err
		}
		b.seqs = append(b.seqs, e.Event.Seq)
		b.ids = append(b.ids, string(e.Event.ID))
		b.types = append(b.types, string(e.Event.Type))
		b.actors = append(b.actors, string(e.Event.Actor.Key))
		b.all = append(b.all, data)
		b.at = append(b.at, e.Event.At)
		b.added = append(b.added, e.Added)
		b.leaves = append(b.leaves, e.Leaf[:])
		b.chains = append(b.chains, e.Chain[:])
	}
	return b, nil
}
