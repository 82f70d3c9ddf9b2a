package contract

import (
	"context"
	"time"

	"github.com/raven-memory/raven/core"
)

func (p *pair) CreateTenant(ctx context.Context, op core.Op, t core.NewTenant) (core.TenantRecord, error) {
	return twice(p, "CreateTenant", func(s Store) (core.TenantRecord, error) { return s.CreateTenant(ctx, op, t) })
}

func (p *pair) Tenant(ctx context.Context, id core.TenantID) (core.TenantRecord, error) {
	return twice(p, "Tenant", func(s Store) (core.TenantRecord, error) { return s.Tenant(ctx, id) })
}

func (p *pair) UpdateTenant(ctx context.Context, id core.TenantID, op core.Op, u core.TenantUpdate) (core.TenantRecord, error) {
	return twice(p, "UpdateTenant", func(s Store) (core.TenantRecord, error) { return s.UpdateTenant(ctx, id, op, u) })
}

func (p *pair) DeleteTenant(ctx context.Context, id core.TenantID, op core.Op, event core.Event) error {
	return p.both("DeleteTenant", func(s Store) error { return s.DeleteTenant(ctx, id, op, event) })
}

func (p *pair) PurgeTenants(ctx context.Context, limit int) (bool, error) {
	return twice(p, "PurgeTenants", func(s Store) (bool, error) { return s.PurgeTenants(ctx, limit) })
}

func (p *pair) TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error) {
	return twice(p, "TenantIDs", func(s Store) ([]core.TenantID, error) { return s.TenantIDs(ctx, after, limit) })
}

func (p *pair) Usage(ctx context.Context, id core.TenantID) (core.Usage, error) {
	return twice(p, "Usage", func(s Store) (core.Usage, error) { return s.Usage(ctx, id) })
}

func (p *pair) APIKeys(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.KeyRecord, error) {
	return twice(p, "APIKeys", func(s Store) ([]core.KeyRecord, error) { return s.APIKeys(ctx, tenant, page) })
}

func (p *pair) CreateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, key core.KeyRecord, event core.Event) (core.KeyRecord, error) {
	return twice(p, "CreateAPIKey", func(s Store) (core.KeyRecord, error) { return s.CreateAPIKey(ctx, tenant, op, key, event) })
}

func (p *pair) RotateAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, r core.KeyRotation) (core.KeyRecord, error) {
	return twice(p, "RotateAPIKey", func(s Store) (core.KeyRecord, error) { return s.RotateAPIKey(ctx, tenant, op, r) })
}

func (p *pair) RevokeAPIKey(ctx context.Context, tenant core.TenantID, op core.Op, id core.KeyID, event core.Event) error {
	return p.both("RevokeAPIKey", func(s Store) error { return s.RevokeAPIKey(ctx, tenant, op, id, event) })
}

func (p *pair) TouchAPIKeys(ctx context.Context, uses []core.KeyUse) error {
	return p.both("TouchAPIKeys", func(s Store) error { return s.TouchAPIKeys(ctx, uses) })
}

func (p *pair) CreateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.NewUser) (core.UserRecord, error) {
	return twice(p, "CreateUser", func(s Store) (core.UserRecord, error) { return s.CreateUser(ctx, tenant, op, u) })
}

func (p *pair) User(ctx context.Context, tenant core.TenantID, id core.UserID) (core.UserRecord, error) {
	return twice(p, "User", func(s Store) (core.UserRecord, error) { return s.User(ctx, tenant, id) })
}

func (p *pair) UserByRef(ctx context.Context, tenant core.TenantID, refKey string) (core.UserRecord, error) {
	return twice(p, "UserByRef", func(s Store) (core.UserRecord, error) { return s.UserByRef(ctx, tenant, refKey) })
}

func (p *pair) Users(ctx context.Context, tenant core.TenantID, page core.Page) ([]core.UserRecord, error) {
	return twice(p, "Users", func(s Store) ([]core.UserRecord, error) { return s.Users(ctx, tenant, page) })
}

func (p *pair) UpdateUser(ctx context.Context, tenant core.TenantID, op core.Op, u core.UserUpdate) (core.UserRecord, error) {
	return twice(p, "UpdateUser", func(s Store) (core.UserRecord, error) { return s.UpdateUser(ctx, tenant, op, u) })
}

func (p *pair) DeleteUser(ctx context.Context, tenant core.TenantID, op core.Op, id core.UserID, event core.Event) error {
	return p.both("DeleteUser", func(s Store) error { return s.DeleteUser(ctx, tenant, op, id, event) })
}

func (p *pair) CreateConversation(ctx context.Context, tenant core.TenantID, op core.Op, c core.NewConversation) (core.ConversationRecord, error) {
	return twice(p, "CreateConversation", func(s Store) (core.ConversationRecord, error) { return s.CreateConversation(ctx, tenant, op, c) })
}

func (p *pair) Conversation(ctx context.Context, tenant core.TenantID, user core.UserID, id core.ConversationID) (core.ConversationRecord, error) {
	return twice(p, "Conversation", func(s Store) (core.ConversationRecord, error) { return s.Conversation(ctx, tenant, user, id) })
}

func (p *pair) ConversationByRef(ctx context.Context, tenant core.TenantID, user core.UserID, refKey string) (core.ConversationRecord, error) {
	return twice(p, "ConversationByRef", func(s Store) (core.ConversationRecord, error) { return s.ConversationByRef(ctx, tenant, user, refKey) })
}

func (p *pair) Conversations(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.ConversationRecord, error) {
	return twice(p, "Conversations", func(s Store) ([]core.ConversationRecord, error) { return s.Conversations(ctx, tenant, user, page) })
}

func (p *pair) UpdateConversation(ctx context.Context, tenant core.TenantID, op core.Op, u core.ConversationUpdate) (core.ConversationRecord, error) {
	return twice(p, "UpdateConversation", func(s Store) (core.ConversationRecord, error) { return s.UpdateConversation(ctx, tenant, op, u) })
}

func (p *pair) DeleteConversation(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, id core.ConversationID, event core.Event) error {
	return p.both("DeleteConversation", func(s Store) error { return s.DeleteConversation(ctx, tenant, op, user, id, event) })
}

func (p *pair) Append(ctx context.Context, tenant core.TenantID, op core.Op, a core.Append) (core.Appended, error) {
	return twice(p, "Append", func(s Store) (core.Appended, error) { return s.Append(ctx, tenant, op, a) })
}

func (p *pair) Buffered(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, limit int) ([]core.BufferEntry, error) {
	return twice(p, "Buffered", func(s Store) ([]core.BufferEntry, error) { return s.Buffered(ctx, tenant, user, conversation, limit) })
}

func (p *pair) AppendSealed(ctx context.Context, tenant core.TenantID, op core.Op, a core.AppendSealed) (core.Appended, error) {
	return twice(p, "AppendSealed", func(s Store) (core.Appended, error) { return s.AppendSealed(ctx, tenant, op, a) })
}

func (p *pair) CommitFlush(ctx context.Context, tenant core.TenantID, op core.Op, f core.Flush) (int64, error) {
	return twice(p, "CommitFlush", func(s Store) (int64, error) { return s.CommitFlush(ctx, tenant, op, f) })
}

// IdleBuffers asks for all of them: which ones a limit leaves out is open.
func (p *pair) IdleBuffers(ctx context.Context, before time.Time, limit int) ([]core.BufferPlace, error) {
	all, err := twice(p, "IdleBuffers", func(s Store) ([]core.BufferPlace, error) { return s.IdleBuffers(ctx, before, everything) })
	return all[:min(limit, len(all))], err
}

func (p *pair) Stretch(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, w core.Window) (core.Stretch, error) {
	return twice(p, "Stretch", func(s Store) (core.Stretch, error) { return s.Stretch(ctx, tenant, user, conversation, w) })
}

func (p *pair) Blobs(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page, payload bool) ([]core.BlobRecord, error) {
	return twice(p, "Blobs", func(s Store) ([]core.BlobRecord, error) { return s.Blobs(ctx, tenant, user, page, payload) })
}

func (p *pair) Blob(ctx context.Context, tenant core.TenantID, user core.UserID, id core.BlobID) (core.BlobRecord, error) {
	return twice(p, "Blob", func(s Store) (core.BlobRecord, error) { return s.Blob(ctx, tenant, user, id) })
}

func (p *pair) ConversationBlobs(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID) ([]core.BlobRecord, error) {
	return twice(p, "ConversationBlobs", func(s Store) ([]core.BlobRecord, error) { return s.ConversationBlobs(ctx, tenant, user, conversation) })
}

func (p *pair) UserBuffer(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BufferEntry, error) {
	return twice(p, "UserBuffer", func(s Store) ([]core.BufferEntry, error) { return s.UserBuffer(ctx, tenant, user, page) })
}

func (p *pair) RewriteBlob(ctx context.Context, tenant core.TenantID, op core.Op, r core.BlobRewrite) error {
	return p.both("RewriteBlob", func(s Store) error { return s.RewriteBlob(ctx, tenant, op, r) })
}

func (p *pair) DeleteBlob(ctx context.Context, tenant core.TenantID, op core.Op, d core.BlobDelete) error {
	return p.both("DeleteBlob", func(s Store) error { return s.DeleteBlob(ctx, tenant, op, d) })
}

func (p *pair) DeleteBuffered(ctx context.Context, tenant core.TenantID, op core.Op, d core.BufferDelete) (int64, error) {
	return twice(p, "DeleteBuffered", func(s Store) (int64, error) { return s.DeleteBuffered(ctx, tenant, op, d) })
}

func (p *pair) ClearMemory(ctx context.Context, tenant core.TenantID, op core.Op, user core.UserID, event core.Event) error {
	return p.both("ClearMemory", func(s Store) error { return s.ClearMemory(ctx, tenant, op, user, event) })
}

func (p *pair) Expired(ctx context.Context, tenant core.TenantID, before time.Time, limit int) ([]core.ExpiredPlace, error) {
	return twice(p, "Expired", func(s Store) ([]core.ExpiredPlace, error) { return s.Expired(ctx, tenant, before, limit) })
}

func (p *pair) MemoryVersion(ctx context.Context, tenant core.TenantID, user core.UserID) (int64, error) {
	return twice(p, "MemoryVersion", func(s Store) (int64, error) { return s.MemoryVersion(ctx, tenant, user) })
}

func (p *pair) Begin(ctx context.Context, tenant core.TenantID, c core.IdempotencyClaim) (core.IdempotencyState, error) {
	return twice(p, "Begin", func(s Store) (core.IdempotencyState, error) { return s.Begin(ctx, tenant, c) })
}

func (p *pair) Complete(ctx context.Context, tenant core.TenantID, key [32]byte, opID string, response []byte) error {
	return p.both("Complete", func(s Store) error { return s.Complete(ctx, tenant, key, opID, response) })
}

func (p *pair) Release(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error {
	return p.both("Release", func(s Store) error { return s.Release(ctx, tenant, key, opID) })
}

func (p *pair) Abandon(ctx context.Context, tenant core.TenantID, key [32]byte, opID string) error {
	return p.both("Abandon", func(s Store) error { return s.Abandon(ctx, tenant, key, opID) })
}

func (p *pair) SweepOperations(ctx context.Context, now time.Time, limit int) (bool, error) {
	return twice(p, "SweepOperations", func(s Store) (bool, error) { return s.SweepOperations(ctx, now, limit) })
}

func (p *pair) Events(ctx context.Context, tenant core.TenantID, after int64, limit int) ([]core.Event, error) {
	return twice(p, "Events", func(s Store) ([]core.Event, error) { return s.Events(ctx, tenant, after, limit) })
}

func (p *pair) DataKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error) {
	return twice(p, "DataKeys", func(s Store) ([]core.WrappedKey, error) { return s.DataKeys(ctx, tenant) })
}

func (p *pair) InitDeployment(ctx context.Context, d core.Deployment) (core.Deployment, error) {
	return twice(p, "InitDeployment", func(s Store) (core.Deployment, error) { return s.InitDeployment(ctx, d) })
}

func (p *pair) Deployment(ctx context.Context) (core.Deployment, error) {
	return twice(p, "Deployment", func(s Store) (core.Deployment, error) { return s.Deployment(ctx) })
}

func (p *pair) AddKeyChecks(ctx context.Context, checks map[uint32]string) error {
	return p.both("AddKeyChecks", func(s Store) error { return s.AddKeyChecks(ctx, checks) })
}

func (p *pair) Ping(ctx context.Context) error {
	return p.both("Ping", func(s Store) error { return s.Ping(ctx) })
}

func (p *pair) FindAPIKey(ctx context.Context, hash core.KeyHash) (core.KeyRecord, core.TenantRecord, error) {
	type found struct {
		Key    core.KeyRecord
		Tenant core.TenantRecord
	}
	f, err := twice(p, "FindAPIKey", func(s Store) (f found, err error) {
		f.Key, f.Tenant, err = s.FindAPIKey(ctx, hash)
		return f, err
	})
	return f.Key, f.Tenant, err
}

func (p *pair) Changes(ctx context.Context, tenant core.TenantID, user core.UserID, after int64, limit int) ([]core.Change, bool, error) {
	type told struct {
		Changes []core.Change
		OK      bool
	}
	c, err := twice(p, "Changes", func(s Store) (c told, err error) {
		c.Changes, c.OK, err = s.Changes(ctx, tenant, user, after, limit)
		return c, err
	})
	return c.Changes, c.OK, err
}

func (p *pair) PutDerived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, add []core.DerivedRecord, replaces []core.DerivedID) error {
	return p.both("PutDerived", func(s Store) error { return s.PutDerived(ctx, tenant, user, kind, add, replaces) })
}

func (p *pair) Derived(ctx context.Context, tenant core.TenantID, user core.UserID, kind core.DerivedKind, page core.Page, payload bool) ([]core.DerivedRecord, error) {
	return twice(p, "Derived", func(s Store) ([]core.DerivedRecord, error) {
		return s.Derived(ctx, tenant, user, kind, page, payload)
	})
}

func (p *pair) WriteFacts(ctx context.Context, tenant core.TenantID, op core.Op, step core.FactStep) error {
	return p.both("WriteFacts", func(s Store) error { return s.WriteFacts(ctx, tenant, op, step) })
}

func (p *pair) Facts(ctx context.Context, tenant core.TenantID, user core.UserID, page core.Page) ([]core.BlobRecord, error) {
	return twice(p, "Facts", func(s Store) ([]core.BlobRecord, error) { return s.Facts(ctx, tenant, user, page) })
}
