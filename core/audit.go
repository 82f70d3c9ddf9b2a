package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
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

// AuditDrop stands for the entries at the beginning of a log that were dropped
// for their age. The zero value says that none were.
type AuditDrop struct {
	Head AuditHead // the end of what was dropped, which the log begins behind
	At   time.Time // when it was dropped
	Note []byte    // signed note that says all of that
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

// ChangedData is the member that stands for an event's data whose text in an
// audit log was never written so.
const ChangedData = "(not as it was written)"

// EncodeAuditData writes an event's data as an audit log keeps it, as JSON: the
// names in order, no white space, nothing escaped that need not be. The same
// data is the same text.
func EncodeAuditData(data EventData) (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(data); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// DecodeAuditData reads what EncodeAuditData wrote. Any other text, also one that
// means the same, becomes data with the one member ChangedData: it has another
// hash, so that who verifies the log can name it.
func DecodeAuditData(text string) EventData {
	var data EventData
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err := d.Decode(&data)
	data.Numbers()
	if again, bad := EncodeAuditData(data); err != nil || bad != nil || again != text {
		return EventData{ChangedData: text}
	}
	return data
}

// JoinHashes writes hashes one after the other.
func JoinHashes(list []AuditHash) []byte {
	out := make([]byte, 0, len(list)*len(AuditHash{}))
	for _, h := range list {
		out = append(out, h[:]...)
	}
	return out
}

// SplitHashes reads what JoinHashes wrote; bytes left over at the end are no hash.
func SplitHashes(b []byte) (list []AuditHash) {
	for size := len(AuditHash{}); len(b) >= size; b = b[size:] {
		list = append(list, AuditHash(b[:size]))
	}
	return list
}
