package contract

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// stage is a tenant that has one of everything, and names what calls work on.
type stage struct {
	tenant       core.TenantID
	settings     core.Settings
	profile      []byte
	dataKeys     []core.WrappedKey // the index key and the first
	key          core.KeyRecord    // may go: it is not the one with tenant:admin
	user         core.UserID
	userRef      string
	conversation core.ConversationID
	ref          string                // the conversation's
	blob         core.BlobRecord       // of three interactions
	entries      []core.BufferEntry    // buffered after the blob, three
	claim        core.IdempotencyClaim // claimed
	delivery     core.Delivery         // pending
}

// stage sets a tenant of its own up, in a store that has a deployment.
func (w *World) stage() stage {
	w.T.Helper()
	_, err := w.InitDeployment(w.Ctx, w.makeDeployment())
	w.ok(err)
	n := w.MakeTenant()
	t := w.mustCreateTenant(n)
	key := w.MakeKey(t.ID)
	_, err = w.CreateAPIKey(w.Ctx, t.ID, w.Op(), key, w.MakeEvent(t.ID, core.EventKeyCreated))
	w.ok(err)
	s := stage{tenant: t.ID, settings: t.Settings, profile: t.Profile, key: key, claim: w.makeClaim()}
	s.dataKeys = copyKeys(n.DataKeys)
	_, err = w.Begin(w.Ctx, t.ID, s.claim)
	w.ok(err)
	s.delivery = w.makeDelivery()
	w.ok(w.AddDeliveries(w.Ctx, t.ID, []core.Delivery{s.delivery}))
	return w.cast(s)
}

// cast gives a stage another user of the same tenant, who has one of
// everything.
func (w *World) cast(s stage) stage {
	w.T.Helper()
	u := w.MustCreateUser(s.tenant)
	c := w.MustCreateConversation(s.tenant, u.ID)
	entries := w.MustAppend(s.tenant, u.ID, c.ID, 6)
	s.user, s.userRef = u.ID, u.RefKey
	s.conversation, s.ref = c.ID, c.RefKey
	s.blob = w.MustFlush(s.tenant, u.ID, entries[:3])
	s.entries = entries[3:]
	return s
}

// slot is a place for an id in a stage; slots is a set of them.
type slot uint8

type slots = slot

const (
	ofTenant slot = 1 << iota
	ofKey
	ofUser
	ofConversation
	ofBlob
	ofDelivery
)

var allSlots = []slot{ofTenant, ofKey, ofUser, ofConversation, ofBlob, ofDelivery}

// id is what a slot holds.
func (s stage) id(in slot) string {
	switch in {
	case ofTenant:
		return string(s.tenant)
	case ofKey:
		return string(s.key.ID)
	case ofUser:
		return string(s.user)
	case ofConversation:
		return string(s.conversation)
	case ofDelivery:
		return string(s.delivery.ID)
	default:
		return string(s.blob.ID)
	}
}

// with is the stage with another id in one slot.
func (s stage) with(in slot, id string) stage {
	switch in {
	case ofTenant:
		s.tenant = core.TenantID(id)
	case ofKey:
		s.key.ID = core.KeyID(id)
	case ofUser:
		s.user = core.UserID(id)
	case ofConversation:
		s.conversation = core.ConversationID(id)
	case ofDelivery:
		s.delivery.ID = core.DeliveryID(id)
	default:
		s.blob.ID = core.BlobID(id)
	}
	return s
}

// call is one use of a method with valid arguments. Run makes them anew each
// time, and lends what it hands over.
type call struct {
	name   string
	takes  slots            // ids that the method is given
	step   bool             // whether it takes an Op
	ours   bool             // whether the deployment may stand in the tenant's place
	events []core.EventType // what the step records
	run    func(ctx context.Context, w *World, at stage, op core.Op) (any, error)
}

// done is the outcome of a call that returns nothing but its error.
func done(err error) (any, error) { return nil, err }
