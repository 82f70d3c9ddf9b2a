package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/raven-memory/raven/core"
)

// Everything is all that the reading methods tell of every tenant, as text, so
// that two moments can be compared.
func (w *World) Everything() string {
	w.T.Helper()
	return w.state(true)
}

// state is Everything, with or without events.
func (w *World) state(withEvents bool) string {
	w.T.Helper()
	var b strings.Builder
	live, err := w.TenantIDs(w.Ctx, "", everything)
	w.tell(&b, "tenants", live, err)
	deployment, err := w.Deployment(w.Ctx)
	w.tell(&b, "deployment", deployment, err)
	idle, err := w.IdleBuffers(w.Ctx, w.start.AddDate(1, 0, 0), everything)
	slices.SortFunc(idle, func(a, b core.BufferPlace) int {
		return strings.Compare(string(a.Conversation), string(b.Conversation))
	})
	w.tell(&b, "idle", idle, err)
	w.mu.Lock()
	tenants := slices.Clone(w.tenants)
	w.mu.Unlock()
	for _, tenant := range tenants {
		w.tellTenant(&b, tenant)
		if withEvents {
			w.tellEvents(&b, tenant)
		}
	}
	if withEvents {
		w.tellEvents(&b, core.DeploymentTenant)
		boxes, err := w.Outboxes(w.Ctx, "", everything)
		known := func(id core.TenantID) bool { return id == core.DeploymentTenant || slices.Contains(tenants, id) }
		boxes = slices.DeleteFunc(boxes, func(o core.OutboxState) bool { return !known(o.Tenant) })
		w.tell(&b, "outboxes", boxes, err)
		logs, err := w.AuditTenants(w.Ctx, "", everything)
		w.tell(&b, "audit logs", slices.DeleteFunc(logs, func(id core.TenantID) bool { return !known(id) }), err)
	}
	return b.String()
}

// tellEvents tells what is left of a tenant that is gone, too.
func (w *World) tellEvents(b *strings.Builder, tenant core.TenantID) {
	w.T.Helper()
	events, err := w.Events(w.Ctx, tenant, 0, everything)
	w.tell(b, "events", events, err)
	positions, err := w.Positions(w.Ctx, tenant)
	w.tell(b, "positions", positions, err)
	head, err := w.AuditHead(w.Ctx, tenant)
	w.tell(b, "audit head", head, err)
	entries, err := w.AuditEntries(w.Ctx, tenant, 0, everything)
	w.tell(b, "audit log", entries, err)
	checkpoint, err := w.LastCheckpoint(w.Ctx, tenant)
	w.tell(b, "checkpoint", checkpoint, err)
	dropped, err := w.AuditDropped(w.Ctx, tenant)
	w.tell(b, "dropped", dropped, err)
}

func (w *World) tell(b *strings.Builder, what string, v any, err error) {
	w.T.Helper()
	if err != nil && !core.Is(err, core.CodeNotFound) {
		w.T.Fatalf("reading %s: %v", what, err)
	}
	fmt.Fprintf(b, "%s (%s): %s\n", what, core.CodeOf(err), dump(v))
}

func (w *World) tellTenant(b *strings.Builder, tenant core.TenantID) {
	w.T.Helper()
	record, err := w.Tenant(w.Ctx, tenant)
	w.tell(b, "tenant", record, err)
	usage, err := w.Usage(w.Ctx, tenant)
	w.tell(b, "usage", usage, err)
	dataKeys, err := w.DataKeys(w.Ctx, tenant)
	w.tell(b, "data keys", dataKeys, err)
	progress, err := w.Reencryption(w.Ctx, tenant)
	w.tell(b, "re-encryption", progress, err)
	expired, err := w.Expired(w.Ctx, tenant, w.start.AddDate(1, 0, 0), everything)
	w.tell(b, "expired", expired, err)
	keys, err := w.APIKeys(w.Ctx, tenant, all)
	w.tell(b, "api keys", keys, err)
	for _, k := range keys {
		found, of, err := w.FindAPIKey(w.Ctx, k.Hash)
		w.tell(b, "api key by hash", []any{found, of}, err)
	}
	deliveries, err := w.Deliveries(w.Ctx, tenant, all)
	w.tell(b, "deliveries", deliveries, err)
	users, err := w.Users(w.Ctx, tenant, all)
	w.tell(b, "users", users, err)
	for _, u := range users {
		w.tellUser(b, tenant, u)
	}
}

// all is a page of everything.
var all = core.Page{Limit: everything}

func (w *World) tellUser(b *strings.Builder, tenant core.TenantID, u core.UserRecord) {
	w.T.Helper()
	record, err := w.User(w.Ctx, tenant, u.ID)
	w.tell(b, "user", record, err)
	record, err = w.UserByRef(w.Ctx, tenant, u.RefKey)
	w.tell(b, "user by reference", record, err)
	version, err := w.MemoryVersion(w.Ctx, tenant, u.ID)
	w.tell(b, "memory version", version, err)
	changes, ok, err := w.Changes(w.Ctx, tenant, u.ID, 0, everything)
	w.tell(b, "changes", []any{changes, ok}, err)
	blobs, err := w.Blobs(w.Ctx, tenant, u.ID, all, true)
	w.tell(b, "blobs", blobs, err)
	for _, blob := range blobs {
		one, err := w.Blob(w.Ctx, tenant, u.ID, blob.ID)
		w.tell(b, "blob", one, err)
	}
	buffer, err := w.UserBuffer(w.Ctx, tenant, u.ID, all)
	w.tell(b, "user buffer", buffer, err)
	for _, kind := range core.DerivedKinds() {
		derived, err := w.Derived(w.Ctx, tenant, u.ID, kind, all, true)
		w.tell(b, "derived "+string(kind), derived, err)
	}
	conversations, err := w.Conversations(w.Ctx, tenant, u.ID, all)
	w.tell(b, "conversations", conversations, err)
	for _, c := range conversations {
		w.tellConversation(b, tenant, c)
	}
}

func (w *World) tellConversation(b *strings.Builder, tenant core.TenantID, c core.ConversationRecord) {
	w.T.Helper()
	record, err := w.Conversation(w.Ctx, tenant, c.User, c.ID)
	w.tell(b, "conversation", record, err)
	record, err = w.ConversationByRef(w.Ctx, tenant, c.User, c.RefKey)
	w.tell(b, "conversation by reference", record, err)
	entries, err := w.Buffered(w.Ctx, tenant, c.User, c.ID, everything)
	w.tell(b, "buffered", entries, err)
	blobs, err := w.ConversationBlobs(w.Ctx, tenant, c.User, c.ID)
	w.tell(b, "conversation's blobs", blobs, err)
	stretch, err := w.Stretch(w.Ctx, tenant, c.User, c.ID, core.Window{Limit: everything})
	w.tell(b, "stretch", stretch, err)
}

// unchanged fails the test if do changes anything that can be read.
func (w *World) unchanged(do func()) {
	w.T.Helper()
	before := w.Everything()
	do()
	w.same("what is stored", before)
}

func (w *World) same(what, before string) {
	w.T.Helper()
	if after := w.Everything(); after != before {
		w.T.Fatalf("%s changed:%s", what, difference(after, before))
	}
}

// Recount lists all that the tenant has and fails the test if a counter says
// otherwise, if something is missing, twice or in two places, or if its events
// or its users' changes are not numbered without gaps.
func (w *World) Recount(tenant core.TenantID) {
	w.T.Helper()
	w.recount(tenant, w.recountChanges)
}

// RecountMoved is Recount of a tenant that was moved to the store and not changed
// there yet: the changes of its users stayed behind.
func (w *World) RecountMoved(tenant core.TenantID) {
	w.T.Helper()
	w.recount(tenant, func(core.TenantID, core.UserID) {})
}

func (w *World) recount(tenant core.TenantID, changes func(core.TenantID, core.UserID)) {
	w.T.Helper()
	var count core.Usage
	users, err := w.Users(w.Ctx, tenant, all)
	w.ok(err)
	for _, u := range users {
		count.Users++
		w.recountUser(&count, tenant, u.ID)
		changes(tenant, u.ID)
	}
	w.equal("usage, beside what lists show,", w.mustUsage(tenant), count)
	positions, err := w.Positions(w.Ctx, tenant)
	w.ok(err)
	next := int64(1)
	for i, e := range w.mustEvents(tenant, 0) {
		if i == 0 && len(positions) > 0 { // what every sink has may be trimmed
			next = e.Seq
		}
		if e.Seq != next {
			w.T.Fatalf("where event %d of the tenant should be, there is %d", next, e.Seq)
		}
		next++
	}
}

func (w *World) recountUser(count *core.Usage, tenant core.TenantID, user core.UserID) {
	w.T.Helper()
	conversations, err := w.Conversations(w.Ctx, tenant, user, all)
	w.ok(err)
	var entries []core.BufferEntry
	var blobs []core.BlobID
	for _, c := range conversations {
		count.Conversations++
		e, b := w.recountConversation(tenant, c)
		entries, blobs = append(entries, e...), append(blobs, b...)
		count.Interactions += c.Interactions
	}
	buffer, err := w.UserBuffer(w.Ctx, tenant, user, all)
	w.ok(err)
	ascending(w, "the user's buffer", buffer, func(e core.BufferEntry) int64 { return e.Position })
	byID := func(a, b core.BufferEntry) int { return strings.Compare(string(a.ID), string(b.ID)) }
	slices.SortFunc(buffer, byID)
	slices.SortFunc(entries, byID)
	w.equal("the user's buffer, beside its conversations' buffers,", buffer, entries)
	listed, err := w.Blobs(w.Ctx, tenant, user, all, true)
	w.ok(err)
	ascending(w, "the user's blobs", listed, func(b core.BlobRecord) int64 { return b.Position })
	episodic := slices.DeleteFunc(slices.Clone(listed), func(b core.BlobRecord) bool { return b.Kind == core.BlobSemantic })
	w.equal("the user's blobs, beside its conversations' blobs,", sorted(idsOf(episodic)), sorted(blobs))
	for _, b := range listed {
		if b.Size != int64(len(b.Sealed)) {
			w.T.Fatalf("a blob of %d bytes has the size %d", len(b.Sealed), b.Size)
		}
		count.BlobBytes += b.Size
	}
	count.Blobs += int64(len(listed))
	count.Buffered += int64(len(buffer))
}

func (w *World) recountConversation(tenant core.TenantID, c core.ConversationRecord) ([]core.BufferEntry, []core.BlobID) {
	w.T.Helper()
	entries, err := w.Buffered(w.Ctx, tenant, c.User, c.ID, everything)
	w.ok(err)
	blobs, err := w.ConversationBlobs(w.Ctx, tenant, c.User, c.ID)
	w.ok(err)
	numbers := numbersOf(core.Stretch{Blobs: blobs, Buffered: entries})
	if c.Interactions != int64(len(numbers)) || c.Buffered != int64(len(entries)) {
		w.T.Fatalf("a conversation counts %d interactions, %d of them buffered; it has %d and %d",
			c.Interactions, c.Buffered, len(numbers), len(entries))
	}
	last := int64(0)
	for _, n := range numbers {
		if n <= last {
			w.T.Fatalf("in a conversation, number %d comes after %d", n, last)
		}
		last = n
	}
	if last >= c.NextNumber {
		w.T.Fatalf("a conversation's next number is %d, and it has number %d", c.NextNumber, last)
	}
	stretch, err := w.Stretch(w.Ctx, tenant, c.User, c.ID, core.Window{Limit: everything})
	w.ok(err)
	w.equal("the whole stretch, beside blobs and buffer,", numbersOf(stretch), numbers)
	return entries, idsOf(blobs)
}

func (w *World) recountChanges(tenant core.TenantID, user core.UserID) {
	w.T.Helper()
	version, err := w.MemoryVersion(w.Ctx, tenant, user)
	w.ok(err)
	after := max(0, version-core.MinChangesKept)
	changes := w.mustChanges(tenant, user, after)
	if int64(len(changes)) != version-after {
		w.T.Fatalf("after %d there are %d changes; the last should be %d", after, len(changes), version)
	}
	for i, c := range changes {
		if c.Version != after+int64(i)+1 {
			w.T.Fatalf("change %d after %d has the version %d", i+1, after, c.Version)
		}
	}
}

// numbersOf is the numbers in blobs, then those in the buffer, as they come.
func numbersOf(s core.Stretch) []int64 {
	var numbers []int64
	for _, b := range s.Blobs {
		numbers = append(numbers, b.Numbers...)
	}
	for _, e := range s.Buffered {
		numbers = append(numbers, e.Number)
	}
	return numbers
}

func idsOf(blobs []core.BlobRecord) []core.BlobID {
	ids := make([]core.BlobID, 0, len(blobs))
	for _, b := range blobs {
		ids = append(ids, b.ID)
	}
	return ids
}

func sorted[E ~string](list []E) []E {
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}

// ascending fails the test unless positions are above 0 and rise.
func ascending[E any](w *World, what string, list []E, position func(E) int64) {
	w.T.Helper()
	last := int64(0)
	for _, e := range list {
		at := position(e)
		if at <= last {
			w.T.Fatalf("%s: position %d comes after %d", what, at, last)
		}
		last = at
	}
}
