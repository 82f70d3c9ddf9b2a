package contract

import "github.com/raven-memory/raven/core"

// MustCreateTenant makes a tenant with the default settings, changed.
func (w *World) MustCreateTenant(change ...func(*core.Settings)) core.TenantRecord {
	w.T.Helper()
	return w.mustCreateTenant(w.MakeTenant(change...))
}

func (w *World) mustCreateTenant(n core.NewTenant) core.TenantRecord {
	w.T.Helper()
	w.mu.Lock()
	w.tenants = append(w.tenants, n.Record.ID)
	w.mu.Unlock()
	record, err := w.CreateTenant(w.Ctx, w.Op(), n)
	w.ok(err)
	return record
}

// MustCreateUser makes a user with a reference of its own.
func (w *World) MustCreateUser(tenant core.TenantID) core.UserRecord {
	w.T.Helper()
	record, err := w.CreateUser(w.Ctx, tenant, w.Op(), w.MakeUser(tenant))
	w.ok(err)
	return record
}

// MustCreateConversation makes a conversation with a reference of its own.
func (w *World) MustCreateConversation(tenant core.TenantID, user core.UserID) core.ConversationRecord {
	w.T.Helper()
	record, err := w.CreateConversation(w.Ctx, tenant, w.Op(), w.MakeConversation(tenant, user))
	w.ok(err)
	return record
}

// MustAppend appends n interactions and returns them with their numbers.
func (w *World) MustAppend(tenant core.TenantID, user core.UserID, conversation core.ConversationID, n int) []core.BufferEntry {
	w.T.Helper()
	return w.mustAppend(tenant, w.MakeAppend(user, conversation, n))
}

func (w *World) mustAppend(tenant core.TenantID, a core.Append) []core.BufferEntry {
	w.T.Helper()
	got, err := w.Append(w.Ctx, tenant, w.Op(), a)
	w.ok(err)
	return numbered(a.Entries, got.First)
}

// numbered is entries with the numbers from first on.
func numbered(entries []core.BufferEntry, first int64) []core.BufferEntry {
	out := make([]core.BufferEntry, len(entries))
	for i, e := range entries {
		out[i] = e
		out[i].Number = first + int64(i)
	}
	return out
}

// MustFlush seals entries, the head of their buffer, into one blob.
func (w *World) MustFlush(tenant core.TenantID, user core.UserID, entries []core.BufferEntry) core.BlobRecord {
	w.T.Helper()
	f := w.MakeFlush(tenant, user, entries, len(entries))
	_, err := w.CommitFlush(w.Ctx, tenant, w.Op(), f)
	w.ok(err)
	return w.mustBlob(tenant, user, f.Blobs[0].ID)
}

func (w *World) mustBlob(tenant core.TenantID, user core.UserID, id core.BlobID) core.BlobRecord {
	w.T.Helper()
	record, err := w.Blob(w.Ctx, tenant, user, id)
	w.ok(err)
	return record
}

func (w *World) mustConversation(tenant core.TenantID, user core.UserID, id core.ConversationID) core.ConversationRecord {
	w.T.Helper()
	record, err := w.Conversation(w.Ctx, tenant, user, id)
	w.ok(err)
	return record
}

func (w *World) mustUsage(tenant core.TenantID) core.Usage {
	w.T.Helper()
	usage, err := w.Usage(w.Ctx, tenant)
	w.ok(err)
	return usage
}

// mustSet changes a tenant's settings.
func (w *World) mustSet(tenant core.TenantID, change func(*core.Settings)) core.TenantRecord {
	w.T.Helper()
	record, err := w.Tenant(w.Ctx, tenant)
	w.ok(err)
	change(&record.Settings)
	record, err = w.UpdateTenant(w.Ctx, tenant, w.Op(), core.TenantUpdate{
		Profile: record.Profile, Settings: record.Settings, IfVersion: record.Version, At: w.Now(),
		Event: w.MakeEvent(tenant, core.EventSettingsUpdated),
	})
	w.ok(err)
	return record
}

func (w *World) mustDeleteTenant(tenant core.TenantID) {
	w.T.Helper()
	w.ok(w.DeleteTenant(w.Ctx, tenant, w.Op(), w.MakeEvent(tenant, core.EventTenantDeleted)))
}

// mustPurge purges deleted tenants to the end.
func (w *World) mustPurge(limit int) (calls int) {
	w.T.Helper()
	for calls = 1; calls <= 2000; calls++ {
		done, err := w.PurgeTenants(w.Ctx, limit)
		w.ok(err)
		if done {
			return calls
		}
	}
	w.T.Fatalf("PurgeTenants came to no end")
	return calls
}

func (w *World) mustChanges(tenant core.TenantID, user core.UserID, after int64) []core.Change {
	w.T.Helper()
	changes, ok, err := w.Changes(w.Ctx, tenant, user, after, everything)
	w.ok(err)
	if !ok {
		w.T.Fatalf("changes after %d are not kept", after)
	}
	return changes
}

// mustEvents is the tenant's events after a Seq.
func (w *World) mustEvents(tenant core.TenantID, after int64) []core.Event {
	w.T.Helper()
	events, err := w.Events(w.Ctx, tenant, after, everything)
	w.ok(err)
	return events
}

// lastSeq is the Seq of the tenant's last event.
func (w *World) lastSeq(tenant core.TenantID) int64 {
	w.T.Helper()
	events := w.mustEvents(tenant, 0)
	if len(events) == 0 {
		return 0
	}
	return events[len(events)-1].Seq
}
