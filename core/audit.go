package core

import (
	"errors"
	"time"
)

// OutboxState is what a tenant's outbox holds.
type OutboxState struct {
	Tenant   TenantID
	First    int64 // Seq of the oldest event that is there
	Last     int64 // of the newest
	OldestAt time.Time
}

// ErrAuditFork says that an audit log holds another entry under a Seq than the
// one to be added: somebody changed the log, or the store went back in time.
var ErrAuditFork = errors.New("core: the audit log has another entry under that number")

// AuditHash is a SHA-256.
type AuditHash = [32]byte

// AuditEntry is an event in the audit log with what binds it to those before.
type AuditEntry struct {
	Event Event
	Leaf  AuditHash // RFC 6962 leaf hash of the event's canonical bytes
	Chain AuditHash // over the Chain of the entry before and Leaf
	Added time.Time // when the log took it in; the one thing that nothing covers
}

// AuditHead is the end of a tenant's audit log.
type AuditHead struct {
	Seq   int64
	Chain AuditHash
	Tree  []AuditHash // RFC 6962: roots of the complete subtrees of the Seq leaves, largest first
}

// AuditQuery selects entries. Zero values select all.
type AuditQuery struct {
	Since, Until time.Time // of the event: Since <= At < Until
	Type         EventType
	Actor        string // a key's id, or "system"
	Before       int64  // newest first: entries with a lower Seq; 0 for the newest
	Limit        int
}

// Checkpoint is a signed statement of a log's size and root: a signed note
// (c2sp.org/signed-note) whose body is a checkpoint (c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Seq  int64
	Note []byte
	At   time.Time
}
