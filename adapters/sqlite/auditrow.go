package sqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/raven-memory/raven/core"
)

// A row of the log that somebody changed is no error to who reads it: what can't
// be what it was is given as something that has another hash, so that who
// verifies can name it.

func auditEntryOf(tenant core.TenantID) fields[core.AuditEntry] {
	return func(e *core.AuditEntry) []any {
		e.Event.Tenant = tenant
		return []any{
			&e.Event.Seq, &e.Event.ID, &e.Event.Type, at{&e.Event.At}, &e.Event.Actor.Key, auditData{&e.Event.Data},
			hashBytes{&e.Leaf}, hashBytes{&e.Chain}, at{&e.Added},
		}
	}
}

// hashBytes scans a hash.
type hashBytes struct{ hash *core.AuditHash }

// Scan implements sql.Scanner.
func (h hashBytes) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok {
		return fmt.Errorf("sqlite: a %T where a hash should be", value)
	}
	if *h.hash = (core.AuditHash{}); len(b) == len(h.hash) {
		copy(h.hash[:], b)
	}
	return nil
}

// treeBytes scans hashes that stand one after the other.
type treeBytes struct{ tree *[]core.AuditHash }

// Scan implements sql.Scanner.
func (t treeBytes) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok {
		return fmt.Errorf("sqlite: a %T where hashes should be", value)
	}
	for size := len(core.AuditHash{}); len(b) >= size; b = b[size:] {
		*t.tree = append(*t.tree, core.AuditHash(b[:size]))
	}
	return nil
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

// auditData scans what encodeAuditData wrote.
type auditData struct{ data *core.EventData }

// Scan implements sql.Scanner.
func (a auditData) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("sqlite: a %T where an event's data should be", value)
	}
	*a.data = nil
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err := d.Decode(a.data)
	a.data.Numbers()
	if again, bad := encodeAuditData(*a.data); err != nil || bad != nil || again != text {
		*a.data = core.EventData{changedData: text}
	}
	return nil
}
