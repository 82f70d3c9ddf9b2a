package core

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Ids are opaque to callers: a prefix that tells the kind, then a ULID in
// lower case (github.com/ulid/spec: 48 bits of milliseconds, 80 random bits,
// Crockford's base 32), so that they sort by the time they were made.
type (
	TenantID       string // ten_…
	KeyID          string // key_…
	UserID         string // usr_…
	ConversationID string // cnv_…
	InteractionID  string // int_…
	BlobID         string // blob_…
	FactID         string // fact_…
	EventID        string // evt_…
	DeliveryID     string // dlv_…
	DerivedID      string // der_…
)

// DeploymentTenant stands in a tenant's place where the deployment itself owns
// a thing: tenants' profiles, key names, cursors. It is not a tenant's id and
// cannot become one.
const DeploymentTenant TenantID = "deployment"

const (
	ulidLen      = 26
	ulidAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

// Valid reports whether the id has the shape that NewIDs gives. A store may
// be asked for nothing else.
func (id TenantID) Valid() bool       { return validID(string(id), "ten_") }
func (id KeyID) Valid() bool          { return validID(string(id), "key_") }
func (id UserID) Valid() bool         { return validID(string(id), "usr_") }
func (id ConversationID) Valid() bool { return validID(string(id), "cnv_") }
func (id InteractionID) Valid() bool  { return validID(string(id), "int_") }
func (id BlobID) Valid() bool         { return validID(string(id), "blob_") }
func (id FactID) Valid() bool         { return validID(string(id), "fact_") }
func (id EventID) Valid() bool        { return validID(string(id), "evt_") }
func (id DeliveryID) Valid() bool     { return validID(string(id), "dlv_") }
func (id DerivedID) Valid() bool      { return validID(string(id), "der_") }

func validID(s, prefix string) bool {
	body, ok := strings.CutPrefix(s, prefix)
	if !ok || len(body) != ulidLen || body[0] > '7' {
		return false
	}
	for i := range len(body) {
		if strings.IndexByte(ulidAlphabet, body[i]) < 0 {
			return false
		}
	}
	return true
}

// IDs makes ids. Those of one IDs are strictly increasing, also within a
// millisecond and when the clock steps back. Safe for concurrent use.
type IDs struct {
	now    func() time.Time
	random io.Reader

	mu   sync.Mutex
	last [16]byte
}

// NewIDs takes the time and randomness to build ids from. random must be
// cryptographically secure and must not fail: a failing read panics, because
// an id that can be guessed or met twice is worse than a stop.
func NewIDs(now func() time.Time, random io.Reader) *IDs {
	return &IDs{now: now, random: random}
}

// Tenant makes a tenant's id; the other methods make the ids they are named for.
func (g *IDs) Tenant() TenantID             { return TenantID("ten_" + g.next()) }
func (g *IDs) Key() KeyID                   { return KeyID("key_" + g.next()) }
func (g *IDs) User() UserID                 { return UserID("usr_" + g.next()) }
func (g *IDs) Conversation() ConversationID { return ConversationID("cnv_" + g.next()) }
func (g *IDs) Interaction() InteractionID   { return InteractionID("int_" + g.next()) }
func (g *IDs) Blob() BlobID                 { return BlobID("blob_" + g.next()) }
func (g *IDs) Fact() FactID                 { return FactID("fact_" + g.next()) }
func (g *IDs) Event() EventID               { return EventID("evt_" + g.next()) }
func (g *IDs) Delivery() DeliveryID         { return DeliveryID("dlv_" + g.next()) }
func (g *IDs) Derived() DerivedID           { return DerivedID("der_" + g.next()) }

// Operation makes an id for one logical operation (see Op).
func (g *IDs) Operation() string { return "op_" + g.next() }

// Deployment makes the id of a deployment.
func (g *IDs) Deployment() string { return "dep_" + g.next() }

// Request makes an id for a request that brought none.
func (g *IDs) Request() string { return "req_" + g.next() }

func (g *IDs) next() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var id [16]byte
	ms := uint64(max(g.now().UnixMilli(), 0))
	lastMS := binary.BigEndian.Uint64(g.last[:8]) >> 16
	if ms > lastMS {
		binary.BigEndian.PutUint64(id[:8], ms<<16)
		if _, err := io.ReadFull(g.random, id[6:]); err != nil {
			panic(fmt.Sprintf("core: randomness failed: %v", err))
		}
		id[6] &= 0x7f // room to count up within the millisecond
	} else {
		id = g.last
		for i := 15; i >= 0; i-- {
			id[i]++
			if id[i] != 0 {
				break
			}
		}
	}
	g.last = id
	return encodeULID(id)
}

func encodeULID(id [16]byte) string {
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var out [ulidLen]byte
	for i := ulidLen - 1; i >= 0; i-- {
		out[i] = ulidAlphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}
