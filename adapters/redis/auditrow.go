package redis

import (
	"bytes"
	"encoding/json"
	"strings"

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
			Seq: streamNumber(m.ID), Actor: core.Actor{Key: core.KeyID(f["actor"])}, Data: decodeAuditData(f["data"]),
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

func treeOf(text string) (tree []core.AuditHash) {
	for size := len(core.AuditHash{}); len(text) >= size; text = text[size:] {
		tree = append(tree, hashOf(text[:size]))
	}
	return tree
}

func joinHashes(tree []core.AuditHash) []byte {
	out := make([]byte, 0, len(tree)*len(core.AuditHash{}))
	for _, h := range tree {
		out = append(out, h[:]...)
	}
	return out
}

// encodeAuditData writes an event's data as JSON: the names in order, no white
// space, nothing escaped that need not be. The same data is the same text.
func encodeAuditData(data core.EventData) (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(data); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// changedData is the member that stands for text that was never written so.
const changedData = "(not as it was written)"

// decodeAuditData reads what encodeAuditData wrote.
func decodeAuditData(text string) core.EventData {
	var data core.EventData
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err := d.Decode(&data)
	data.Numbers()
	if again, bad := encodeAuditData(data); err != nil || bad != nil || again != text {
		return core.EventData{changedData: text}
	}
	return data
}
