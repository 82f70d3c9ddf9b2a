package sqlite

import (
	"fmt"

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
	*t.tree = append(*t.tree, core.SplitHashes(b)...)
	return nil
}

// auditData scans what core.EncodeAuditData wrote.
type auditData struct{ data *core.EventData }

// Scan implements sql.Scanner.
func (a auditData) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("sqlite: a %T where an event's data should be", value)
	}
	*a.data = core.DecodeAuditData(text)
	return nil
}
