package postgres

import (
	"bytes"
	"encoding/json"
	"strings"
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
	e.Event.Data = decodeData(data)
	e.Leaf, e.Chain = hashOf(leaf), hashOf(chain)
	return e, err
}

func hashOf(b []byte) (h core.AuditHash) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

func treeOf(b []byte) []core.AuditHash {
	var tree []core.AuditHash
	for len(b) >= len(core.AuditHash{}) {
		tree = append(tree, core.AuditHash(b[:len(core.AuditHash{})]))
		b = b[len(core.AuditHash{}):]
	}
	return tree
}

func treeBytes(tree []core.AuditHash) []byte {
	out := make([]byte, 0, len(tree)*len(core.AuditHash{}))
	for _, h := range tree {
		out = append(out, h[:]...)
	}
	return out
}

// encodeData writes an event's data as JSON: the names in order, no white
// space, nothing escaped that need not be. The same data is the same text.
func encodeData(data core.EventData) (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(data); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// changedData is the member that stands for text that encodeData never wrote.
const changedData = "(not as it was written)"

// decodeData reads what encodeData wrote; whole numbers come back as int64.
func decodeData(text string) core.EventData {
	var data core.EventData
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err := d.Decode(&data)
	data.Numbers()
	if again, bad := encodeData(data); err != nil || bad != nil || again != text {
		return core.EventData{changedData: text}
	}
	return data
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
		data, err := encodeData(e.Event.Data)
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
