package contract

import (
	"cmp"
	"slices"

	"github.com/raven-memory/raven/core"
)

// model is one tenant as plain lists. Positions are of its own counting; a
// store's need only come in the same order.
type model struct {
	tenant  core.TenantRecord
	users   []*modelUser
	events  []core.Event
	told    bool // of a full quota, since there was last room
	arrived int64

	compared int64 // how many of the events were
}

type modelUser struct {
	record        core.UserRecord
	conversations []*modelConversation
	changes       []core.Change
	told          bool
}

type modelConversation struct {
	record core.ConversationRecord
	buffer []core.BufferEntry
	blobs  []core.BlobRecord // by number
}

func (m *model) record(e core.Event, counts map[string]int64) {
	e.Seq = int64(len(m.events) + 1)
	e.Data = counted(e.Data, counts)
	m.events = append(m.events, e)
}

// settle notes where there is room.
func (m *model) settle() {
	if int64(len(m.users)) < m.tenant.Settings.MaxUsers {
		m.told = false
	}
	for _, u := range m.users {
		if int64(len(u.conversations)) < m.tenant.Settings.MaxConversationsPerUser {
			u.told = false
		}
	}
}

func (m *model) arrive() int64 {
	m.arrived++
	return m.arrived
}

func (m *model) userByRef(ref string) *modelUser {
	for _, u := range m.users {
		if ref != "" && u.record.RefKey == ref {
			return u
		}
	}
	return nil
}

func (u *modelUser) byRef(ref string) *modelConversation {
	for _, c := range u.conversations {
		if ref != "" && c.record.RefKey == ref {
			return c
		}
	}
	return nil
}

func (u *modelUser) change(c core.Change) {
	c.Version = int64(len(u.changes) + 1)
	u.changes = append(u.changes, c)
}

// blobs is all of the user's, in order of arrival.
func (u *modelUser) blobs() (list []core.BlobRecord) {
	for _, c := range u.conversations {
		list = append(list, c.blobs...)
	}
	slices.SortFunc(list, func(a, b core.BlobRecord) int { return cmp.Compare(a.Position, b.Position) })
	return list
}

// buffer is all that the user has buffered, in order of arrival.
func (u *modelUser) buffer() (list []core.BufferEntry) {
	for _, c := range u.conversations {
		list = append(list, c.buffer...)
	}
	slices.SortFunc(list, func(a, b core.BufferEntry) int { return cmp.Compare(a.Position, b.Position) })
	return list
}

// counts is what an event about the user's memory tells.
func (u *modelUser) counts() map[string]int64 {
	blobs := u.blobs()
	counts := map[string]int64{"interactions": int64(len(u.buffer())), "blobs": int64(len(blobs))}
	for _, b := range blobs {
		counts["interactions"] += int64(len(b.Numbers))
	}
	return counts
}

// now is the conversation with its counters.
func (c *modelConversation) now() core.ConversationRecord {
	r := c.record
	r.Buffered = int64(len(c.buffer))
	r.Interactions = int64(len(c.numbers()))
	return r
}

func (c *modelConversation) numbers() []int64 {
	return numbersOf(core.Stretch{Blobs: c.blobs, Buffered: c.buffer})
}

func (m *model) usage() (u core.Usage) {
	for _, user := range m.users {
		u.Users++
		for _, c := range user.conversations {
			u.Conversations++
			u.Buffered += int64(len(c.buffer))
			u.Interactions += int64(len(c.numbers()))
			for _, b := range c.blobs {
				u.Blobs++
				u.BlobBytes += b.Size
			}
		}
	}
	return u
}

// compareSums compares what a step anywhere in the tenant would show in.
func (m *model) compareSums(w *World) {
	w.T.Helper()
	w.equal("the usage", w.mustUsage(m.tenant.ID), m.usage())
	w.equal("the new events", w.mustEvents(m.tenant.ID, m.compared), m.events[m.compared:])
	m.compared = int64(len(m.events))
}

// compare reads all that the store has of the tenant beside the model.
func (m *model) compare(w *World) {
	w.T.Helper()
	m.compareSums(w)
	tenant := m.tenant.ID
	record, err := w.Tenant(w.Ctx, tenant)
	w.ok(err)
	w.equal("the tenant", record, m.tenant)
	w.equal("the events", w.mustEvents(tenant, 0), m.events)
	users, err := w.Users(w.Ctx, tenant, all)
	w.ok(err)
	ascending(w, "users", users, userPosition)
	want := make([]core.UserRecord, 0, len(m.users))
	for i, u := range m.users {
		want = append(want, u.record)
		if i < len(users) {
			users[i].Position = 0
		}
	}
	w.equal("the users", users, want)
	for _, u := range m.users {
		u.compare(w, tenant)
	}
}

func (u *modelUser) compare(w *World, tenant core.TenantID) {
	w.T.Helper()
	id := u.record.ID
	changes := w.mustChanges(tenant, id, 0)
	for i, c := range changes {
		changes[i] = told(c)
	}
	w.equal("the changes", changes, u.changes)
	blobs, err := w.Blobs(w.Ctx, tenant, id, all, true)
	w.ok(err)
	ascending(w, "blobs", blobs, blobPosition)
	w.equal("the blobs", withoutBlobPositions(blobs), withoutBlobPositions(u.blobs()))
	buffer, err := w.UserBuffer(w.Ctx, tenant, id, all)
	w.ok(err)
	ascending(w, "entries", buffer, entryPosition)
	w.equal("the user's buffer", withoutEntryPositions(buffer), withoutEntryPositions(u.buffer()))
	list, err := w.Conversations(w.Ctx, tenant, id, all)
	w.ok(err)
	ascending(w, "conversations", list, conversationPosition)
	want := make([]core.ConversationRecord, 0, len(list))
	for i, c := range u.conversations {
		r := c.now()
		if i < len(list) { // whether taking interactions in is an update is not said
			list[i].Position, r.UpdatedAt = 0, list[i].UpdatedAt
		}
		want = append(want, r)
		c.compare(w, tenant)
	}
	w.equal("the conversations", list, want)
}

func (c *modelConversation) compare(w *World, tenant core.TenantID) {
	w.T.Helper()
	s, err := w.Stretch(w.Ctx, tenant, c.record.User, c.record.ID, core.Window{Limit: everything})
	w.ok(err)
	w.equal("the sealed", withoutBlobPositions(s.Blobs), withoutBlobPositions(c.blobs))
	w.equal("the buffered", withoutEntryPositions(s.Buffered), withoutEntryPositions(c.buffer))
}

func withoutBlobPositions(list []core.BlobRecord) []core.BlobRecord {
	list = slices.Clone(list)
	for i := range list {
		list[i].Position = 0
	}
	return list
}

func withoutEntryPositions(list []core.BufferEntry) []core.BufferEntry {
	list = slices.Clone(list)
	for i := range list {
		list[i].Position = 0
	}
	return list
}
