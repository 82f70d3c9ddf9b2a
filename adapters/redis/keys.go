package redis

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/raven-memory/raven/core"
)

// This file builds every key, and builds none from an id that is not Valid. The
// braces around a tenant's id are Redis Cluster's hash tag: all of a tenant is
// in one slot. Keys of the deployment begin with "raven:".

const (
	registryKey = "raven:tenants" // ids of tenants, and of what is left of deleted ones, by their text
	healthKey   = "raven:health"

	// Whose data keys rotate: tenants and the deployment, by their text.
	rotatingKey = "raven:{rotating}"
	reservedKey = rotatingKey + ":reserved" // until when they may not be struck off

	// Whose outbox may hold events, and whose deliveries are pending, in the same
	// way; and who has an audit log.
	outboxesKey         = "raven:{outboxes}"
	outboxesReservedKey = outboxesKey + ":reserved"
	deliveriesKey       = "raven:{deliveries}"
	deliveryTurnsKey    = deliveriesKey + ":turns"
	auditsKey           = "raven:audits"

	// What is the deployment's is in one slot.
	deploymentRoot = "raven:{deployment}"
	// As are the buckets of rate limits that are no tenant's.
	rateRoot = "raven:{rate}"
)

// emailKey is where the tenant with that email is.
func emailKey(email string) string { return "tenant:email:" + escape(email) }

// hashKey is where the API key with that hash is.
func hashKey(hash core.KeyHash) string { return "apikey:hash:" + hex.EncodeToString(hash[:]) }

// tenantKeys are the keys of a tenant, or of the deployment in its place.
type tenantKeys struct {
	id   core.TenantID
	root string
}

// keysOf fails with CodeNotFound for an id that is not Valid.
func keysOf(id core.TenantID) (tenantKeys, error) {
	if !id.Valid() {
		return tenantKeys{}, core.NotFound()
	}
	return tenantKeys{id: id, root: "tenant:{" + string(id) + "}"}, nil
}

// deployment are the keys of what is no tenant's.
var deployment = tenantKeys{id: core.DeploymentTenant, root: deploymentRoot}

func (t tenantKeys) tenant() string        { return t.root }
func (t tenantKeys) usage() string         { return t.root + ":usage" }
func (t tenantKeys) events() string        { return t.root + ":events" }
func (t tenantKeys) positions() string     { return t.root + ":positions" }
func (t tenantKeys) dataKeys() string      { return t.root + ":datakeys" }
func (t tenantKeys) reencryption() string  { return t.root + ":reencryption" }
func (t tenantKeys) apiKeys() string       { return t.root + ":apikeys" }
func (t tenantKeys) users() string         { return t.root + ":users" }
func (t tenantKeys) exhausted() string     { return t.root + ":exhausted" }
func (t tenantKeys) idle() string          { return t.root + ":idle" }
func (t tenantKeys) expiryBlobs() string   { return t.root + ":expiry:blobs" }
func (t tenantKeys) expiryBuffers() string { return t.root + ":expiry:buffers" }
func (t tenantKeys) purge() string         { return t.root + ":purge" }
func (t tenantKeys) operations() string    { return t.root + ":operations" }

// Deliveries: their records, all of them, those pending and those that ended.
func (t tenantKeys) deliveries() string        { return t.root + ":deliveries" }
func (t tenantKeys) deliveriesLog() string     { return t.root + ":deliveries:log" }
func (t tenantKeys) deliveriesPending() string { return t.root + ":deliveries:pending" }
func (t tenantKeys) deliveriesEnded() string   { return t.root + ":deliveries:ended" }

// The audit log: its entries, its end, what was dropped before them, where in it a
// time is, and which entries are of a type, of an actor, or of both.
func (t tenantKeys) audit() string            { return t.root + ":audit" }
func (t tenantKeys) auditHead() string        { return t.root + ":audit:head" }
func (t tenantKeys) auditDropped() string     { return t.root + ":audit:dropped" }
func (t tenantKeys) auditTimes() string       { return t.root + ":audit:times" }
func (t tenantKeys) auditCheckpoints() string { return t.root + ":audit:checkpoints" }

func (t tenantKeys) auditOf(actor string, kind core.EventType) string {
	key := t.root + ":audit"
	if actor != "" {
		key += ":actor:" + escape(actor)
	}
	if kind != "" {
		key += ":type:" + escape(string(kind))
	}
	return key
}

// operation is the key of a member of operations.
func (t tenantKeys) operation(member string) string { return t.root + ":" + member }

// operationName is the member of operations that an operation is.
func operationName(op string) string { return "op:" + escape(op) }

// claimName is the member of operations that an Idempotency-Key is.
func claimName(key [32]byte) string { return "idempotency:" + hex.EncodeToString(key[:]) }

// userByRef is where the user with that reference is.
func (t tenantKeys) userByRef(ref string) string { return t.root + ":user:external:" + escape(ref) }

// userKeys are the keys of a user.
type userKeys struct {
	tenantKeys
	user core.UserID
	own  string
}

// keysOfUser fails with CodeNotFound for an id that is not Valid.
func keysOfUser(tenant core.TenantID, user core.UserID) (userKeys, error) {
	t, err := keysOf(tenant)
	if err != nil {
		return userKeys{}, err
	}
	return t.of(user)
}

func (t tenantKeys) of(user core.UserID) (userKeys, error) {
	if !user.Valid() {
		return userKeys{}, core.NotFound()
	}
	return userKeys{tenantKeys: t, user: user, own: t.root + ":user:" + string(user)}, nil
}

func (u userKeys) hash() string          { return u.own }
func (u userKeys) changes() string       { return u.own + ":changes" }
func (u userKeys) buffered() string      { return u.own + ":buffered" }
func (u userKeys) conversations() string { return u.own + ":conversations" }
func (u userKeys) refs() string          { return u.own + ":conversations:external" }
func (u userKeys) blobs() string         { return u.own + ":blobs" }
func (u userKeys) blobsByTime() string   { return u.own + ":episodic:blob_ids" }
func (u userKeys) facts() string         { return u.own + ":semantic:blob_ids" }
func (u userKeys) factHolders() string   { return u.own + ":semantic:keys" }
func (u userKeys) cleared() string       { return u.own + ":cleared" }

// What was computed from the user's memory: the records, their ids by kind and
// Position, and which are of which conversation.
func (u userKeys) derived() string      { return u.own + ":derived" }
func (u userKeys) derivedIDs() string   { return u.own + ":derived:ids" }
func (u userKeys) derivedParts() string { return u.own + ":derived:parts" }

// derivedKeys are the last keys of a step that may remove some of it.
func (u userKeys) derivedKeys() []string {
	return []string{u.derived(), u.derivedIDs(), u.derivedParts()}
}

// blob fails with CodeNotFound for an id that is not Valid.
func (u userKeys) blob(id core.BlobID) (string, error) {
	if !id.Valid() {
		return "", core.NotFound()
	}
	return u.own + ":blob:" + string(id), nil
}

// conversationKeys are the keys of a conversation.
type conversationKeys struct {
	userKeys
	conversation core.ConversationID
	self         string
}

// keysOfConversation fails with CodeNotFound for an id that is not Valid.
func keysOfConversation(tenant core.TenantID, user core.UserID, id core.ConversationID) (conversationKeys, error) {
	u, err := keysOfUser(tenant, user)
	if err != nil {
		return conversationKeys{}, err
	}
	return u.in(id)
}

func (u userKeys) in(id core.ConversationID) (conversationKeys, error) {
	if !id.Valid() {
		return conversationKeys{}, core.NotFound()
	}
	return conversationKeys{userKeys: u, conversation: id, self: u.own + ":conversation:" + string(id)}, nil
}

func (c conversationKeys) hash() string   { return c.self }
func (c conversationKeys) buffer() string { return c.self + ":buffer" }
func (c conversationKeys) sealed() string { return c.self + ":blobs" }

// place names the conversation within its tenant.
func (c conversationKeys) place() string { return string(c.user) + "/" + string(c.conversation) }

// rateKey is the key of a bucket. Buckets of a tenant's are in its slot.
func rateKey(bucket string) string {
	if name, ok := strings.CutPrefix(bucket, "tenant:"); ok {
		id, _, _ := strings.Cut(name, ":")
		if t, err := keysOf(core.TenantID(id)); err == nil {
			return t.root + ":rate:" + escape(bucket)
		}
	}
	return rateRoot + ":" + escape(bucket)
}

// longest is how long a text may be and still stand in a key as it is.
const longest = 1024

// escape writes a caller's text so that it can stand at the end of a key: no
// braces, no control characters, nothing that is not UTF-8, not too long.
// Different texts stay different.
func escape(text string) string {
	var out strings.Builder
	for rest := text; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		if plain(r, size) {
			out.WriteString(rest[:size])
		} else {
			for i := range size {
				fmt.Fprintf(&out, "%%%02X", rest[i])
			}
		}
		rest = rest[size:]
	}
	if out.Len() <= longest {
		return out.String()
	}
	sum := sha256.Sum256([]byte(text))
	return "%sha256:" + hex.EncodeToString(sum[:]) // no escaped text begins so
}

func plain(r rune, size int) bool {
	switch {
	case r == utf8.RuneError && size <= 1:
		return false
	case r <= ' ', r == '{', r == '}', r == '%', r >= 0x7f && r < 0xa0:
		return false
	}
	return true
}
