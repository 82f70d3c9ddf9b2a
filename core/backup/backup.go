// Package backup is the form of a backup: a stream of records, sealed in chunks
// under a key that is made of a passphrase. It holds everything of a deployment
// or of one tenant, as stored, and the keyring that opens it.
//
// A file begins with a preamble in the clear:
//
//	"raven-backup 1\n"
//	passes, memory in KiB (big endian, 32 bits each), lanes (8 bits): what argon2id takes
//	salt, 16 random bytes
//	prefix, 7 random bytes
//
// After it come chunks of 64 KiB, the last of them shorter and maybe empty, each
// sealed by AES-256-GCM. The nonce is the prefix, the chunk's number (32 bits)
// and 1 for the last chunk, else 0: the STREAM construction (Hoang, Reyhanitabar,
// Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
// Misuse-Resistance, 2015). The preamble is authenticated with each. So no bit
// of a file can be changed, no chunk moved, and nothing cut off or added, unseen.
//
// Inside are JSON values: a Header, for each tenant its image, its users and its
// audit log, then logs of tenants that are deleted and of the deployment, and
// Totals.
package backup

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/raven-memory/raven/core"
)

// MinPassphrase is the least a passphrase has, in characters.
const MinPassphrase = 12

// CheckPassphrase is an error for a passphrase that is too short.
func CheckPassphrase(passphrase string) error {
	if n := utf8.RuneCountInString(passphrase); n < MinPassphrase {
		return fmt.Errorf("the backup's passphrase has %d characters; it needs %d or more", n, MinPassphrase)
	}
	return nil
}

// Cost is what argon2id takes: passes, memory in KiB, and lanes.
type Cost struct {
	Passes, Memory uint32
	Lanes          uint8
}

// KDF is argon2id (RFC 9106) with a tag of 32 bytes.
type KDF func(passphrase string, salt []byte, c Cost) []byte

// The cost of new files is the second that RFC 9106 recommends. A file that
// asks for less was not made here; one that asks for more could be made to
// exhaust the machine.
var (
	newCost = Cost{Passes: 3, Memory: 64 << 10, Lanes: 4}
	minCost = Cost{Passes: 1, Memory: 19 << 10, Lanes: 1}
	maxCost = Cost{Passes: 20, Memory: 512 << 10, Lanes: 16}
)

func (c Cost) bounded() bool {
	return c.Passes >= minCost.Passes && c.Passes <= maxCost.Passes &&
		c.Memory >= minCost.Memory && c.Memory <= maxCost.Memory &&
		c.Lanes >= minCost.Lanes && c.Lanes <= maxCost.Lanes
}

// ErrForm says that a file is no backup, or one of a later version.
var ErrForm = errors.New("this is no backup that this version of raven knows")

// ErrSealed says that a backup does not open. It never says whether the
// passphrase is wrong or the file was changed: nobody can tell.
var ErrSealed = errors.New("the backup does not open: the passphrase is wrong, or the file was changed or cut")

// Header says what is in a backup.
type Header struct {
	CreatedAt  time.Time
	Tenant     core.TenantID // the one tenant that is in it; "" for the whole deployment
	PlainRefs  bool          // references and emails stand in RefKey and EmailKey as they are
	Deployment core.Deployment
	Keyring    string // the platform keyring's text; "" where it is held elsewhere
}

// Log is a part of an audit log. The parts of one log follow each other.
type Log struct {
	Tenant     core.TenantID
	Dropped    *core.AuditDrop   // with the first part, where the log begins behind what was dropped
	Entries    []core.AuditEntry // none in the last part
	Checkpoint *core.Checkpoint  // with the last part

	// Pending are events that are not in the log yet, with the last part: of
	// the deployment and of deleted tenants. Positions are the deployment's
	// sinks'. A tenant that there is has both in its image.
	Pending   []core.Event
	Positions map[string]int64
}

// Keys are data keys that a tenant got after its image was taken.
type Keys struct {
	Tenant   core.TenantID
	DataKeys []core.WrappedKey
}

// Totals sum up a backup.
type Totals struct {
	Tenants       int64 `json:"tenants"`
	Users         int64 `json:"users"`
	Conversations int64 `json:"conversations"`
	Interactions  int64 `json:"interactions"`
	Blobs         int64 `json:"blobs"`
	AuditEntries  int64 `json:"audit_entries"`
}

// Record is one value of a backup; one field is set.
type Record struct {
	Header *Header           `json:",omitempty"`
	Tenant *core.TenantImage `json:",omitempty"` // its users follow
	User   *core.UserImage   `json:",omitempty"` // of the tenant before
	Keys   *Keys             `json:",omitempty"`
	Log    *Log              `json:",omitempty"`
	Totals *Totals           `json:",omitempty"` // the last
}

func (r Record) parts() (n int) {
	for _, set := range []bool{r.Header != nil, r.Tenant != nil, r.User != nil, r.Keys != nil, r.Log != nil, r.Totals != nil} {
		if set {
			n++
		}
	}
	return n
}

// order holds records against the order that they have to have, and counts.
type order struct {
	begun, ended, inTenant bool
	totals                 Totals
}

var errOrder = errors.New("backup: the records are not in order")

func (o *order) next(r Record) error {
	if r.parts() != 1 || o.ended || (r.Header != nil) == o.begun || r.User != nil && !o.inTenant {
		return errOrder
	}
	switch {
	case r.Tenant != nil:
		o.totals.Tenants++
	case r.User != nil:
		o.countUser(r.User)
	case r.Log != nil:
		o.totals.AuditEntries += int64(len(r.Log.Entries))
	case r.Totals != nil && *r.Totals != o.totals:
		return errOrder
	}
	o.begun, o.ended = true, r.Totals != nil
	o.inTenant = r.Tenant != nil || r.User != nil
	return nil
}

func (o *order) countUser(u *core.UserImage) {
	o.totals.Users++
	o.totals.Conversations += int64(len(u.Conversations))
	o.totals.Blobs += int64(len(u.Blobs))
	for _, c := range u.Conversations {
		o.totals.Interactions += c.Interactions
	}
}
