package tenancy

import (
	"context"
	"encoding/json"

	"github.com/raven-memory/raven/core"
)

// card is the sealed part of a user or a conversation: what a person wrote.
type card struct {
	Ref      *string       `json:"ref,omitempty"`
	Label    *string       `json:"label,omitempty"` // display name or title
	Metadata core.Metadata `json:"metadata,omitempty"`
}

func (c card) encode() []byte {
	plain, err := json.Marshal(c)
	if err != nil {
		panic("tenancy: a card of strings does not encode: " + err.Error())
	}
	return plain
}

func decodeCard(plain []byte) (card, error) {
	var c card
	err := json.Unmarshal(plain, &c)
	return c, err
}

// same reports whether two cards of one record say the same; the reference of a
// record never changes.
func (c card) same(other card) bool {
	if c.Metadata != other.Metadata || (c.Label == nil) != (other.Label == nil) {
		return false
	}
	return c.Label == nil || *c.Label == *other.Label
}

// NewUser is what a caller says of a new user. Metadata is a JSON object, or nil.
type NewUser struct {
	ExternalRef *string
	DisplayName *string
	Metadata    []byte
}

// newCard checks what a user or a conversation is made of; label is the name of
// the field that holds its name.
func newCard(ref, label *string, labelField string, metadata []byte) (card, error) {
	var bad []core.FieldError
	if ref != nil {
		if msg := core.CheckOptionalRef(*ref); msg != "" {
			bad = append(bad, core.FieldError{Location: "external_ref", Message: msg})
		}
	}
	if label != nil {
		if msg := core.CheckOptionalName(*label); msg != "" {
			bad = append(bad, core.FieldError{Location: labelField, Message: msg})
		}
	}
	m, wrong := core.ParseMetadata(metadata)
	if wrong != nil {
		bad = append(bad, core.FieldError{Location: "metadata", Message: wrong.Message})
	}
	if len(bad) > 0 {
		return card{}, core.InvalidFields(bad)
	}
	return card{Ref: ref, Label: label, Metadata: m}, nil
}

// patched is the card after a merge patch.
func (c card) patched(label core.Patch[string], labelField string, metadata core.Patch[[]byte]) (card, error) {
	var bad []core.FieldError
	if label.Set {
		if label.Value != nil {
			if msg := core.CheckOptionalName(*label.Value); msg != "" {
				bad = append(bad, core.FieldError{Location: labelField, Message: msg})
			}
		}
		c.Label = label.Value
	}
	if metadata.Set {
		var patch []byte
		if metadata.Value != nil {
			patch = *metadata.Value
		}
		merged, wrong := c.Metadata.Merge(patch)
		if wrong != nil {
			bad = append(bad, core.FieldError{Location: "metadata", Message: wrong.Message})
		}
		c.Metadata = merged
	}
	if len(bad) > 0 {
		return card{}, core.InvalidFields(bad)
	}
	return c, nil
}

// CreateUser adds a user. CodeExternalRefTaken, CodeQuotaExhausted.
func (s *Service) CreateUser(ctx context.Context, caller core.Caller, op core.Op, u NewUser) (core.User, error) {
	c, err := newCard(u.ExternalRef, u.DisplayName, "display_name", u.Metadata)
	if err != nil {
		return core.User{}, err
	}
	record, err := s.newUser(ctx, caller, c)
	if err != nil {
		return core.User{}, err
	}
	stored, err := s.Store.CreateUser(ctx, caller.Tenant, op, core.NewUser{
		Record:    record,
		Event:     s.event(caller.Tenant, caller.Actor(), core.EventUserCreated, core.EventData{"user_id": string(record.ID)}),
		Exhausted: s.event(caller.Tenant, caller.Actor(), core.EventQuotaExhausted, core.EventData{"quota": "max_users"}),
	})
	if err == nil && stored.ID != record.ID { // an earlier run made it: it may be changed since, or gone
		stored, err = s.Store.User(ctx, caller.Tenant, stored.ID)
	}
	if err != nil {
		return core.User{}, err
	}
	return s.openUser(ctx, caller.Tenant, stored)
}

func (s *Service) newUser(ctx context.Context, caller core.Caller, c card) (core.UserRecord, error) {
	now := s.Clock.Now()
	id := s.IDs.User()
	refKey, err := s.userRef(ctx, caller.Tenant, c.Ref)
	if err != nil {
		return core.UserRecord{}, err
	}
	sealed, err := s.Seal.Seal(ctx, core.UserPlace(caller.Tenant, id, 1), c.encode())
	return core.UserRecord{ID: id, RefKey: refKey, Sealed: sealed, Version: 1, CreatedAt: now, UpdatedAt: now}, err
}

func (s *Service) userRef(ctx context.Context, tenant core.TenantID, ref *string) (string, error) {
	if ref == nil {
		return "", nil
	}
	return s.lookUp(ctx, tenant, "user", *ref)
}

// EnsureUser returns the user with the reference, and makes it when there is
// none; created says which. It is safe under a race.
func (s *Service) EnsureUser(ctx context.Context, caller core.Caller, u NewUser) (user core.User, created bool, err error) {
	if _, err := newCard(u.ExternalRef, u.DisplayName, "display_name", u.Metadata); err != nil {
		return core.User{}, false, err
	}
	for range maxTries {
		user, err = s.UserByRef(ctx, caller, *u.ExternalRef)
		if !core.Is(err, core.CodeNotFound) {
			return user, false, err
		}
		user, err = s.CreateUser(ctx, caller, core.Op{}, u)
		if !core.Is(err, core.CodeExternalRefTaken) {
			return user, err == nil, err
		}
	}
	return core.User{}, false, conflict()
}

// User returns one of the tenant's users.
func (s *Service) User(ctx context.Context, caller core.Caller, id core.UserID) (core.User, error) {
	record, err := s.Store.User(ctx, caller.Tenant, id)
	if err != nil {
		return core.User{}, err
	}
	return s.openUser(ctx, caller.Tenant, record)
}

// UserByRef returns the one with that external reference.
func (s *Service) UserByRef(ctx context.Context, caller core.Caller, ref string) (core.User, error) {
	record, err := s.userByRef(ctx, caller, ref)
	if err != nil {
		return core.User{}, err
	}
	return s.openUser(ctx, caller.Tenant, record)
}

func (s *Service) userByRef(ctx context.Context, caller core.Caller, ref string) (core.UserRecord, error) {
	if core.CheckExternalRef(ref) != "" {
		return core.UserRecord{}, core.NotFound()
	}
	key, err := s.userRef(ctx, caller.Tenant, &ref)
	if err != nil {
		return core.UserRecord{}, err
	}
	return s.Store.UserByRef(ctx, caller.Tenant, key)
}

// refPrefix marks an external reference where an id is expected.
const refPrefix = "ext:"

// ResolveUser gives the id that a caller's way of naming a user stands for: an
// id, which is not looked up, or "ext:" and an external reference.
func (s *Service) ResolveUser(ctx context.Context, caller core.Caller, name string) (core.UserID, error) {
	id, _, err := s.findUser(ctx, caller, name, false)
	return id, err
}

// Users pages through the tenant's users by creation.
func (s *Service) Users(ctx context.Context, caller core.Caller, cursor string, limit int) (core.List[core.User], error) {
	return page(s, caller.Tenant, "users", cursor, limit,
		func(p core.Page) ([]core.UserRecord, error) { return s.Store.Users(ctx, caller.Tenant, p) },
		func(r core.UserRecord) int64 { return r.Position },
		func(r core.UserRecord) (core.User, error) { return s.openUser(ctx, caller.Tenant, r) })
}

// UserPatch changes a user. Metadata's value is a JSON object.
type UserPatch struct {
	DisplayName core.Patch[string]
	Metadata    core.Patch[[]byte]
}

// UpdateUser changes a user. ifVersion is the version it must have, 0 for any:
// CodePreconditionFailed.
func (s *Service) UpdateUser(ctx context.Context, caller core.Caller, id core.UserID, patch UserPatch, ifVersion int64) (core.User, error) {
	for range maxTries {
		user, err := s.tryUpdateUser(ctx, caller, id, patch, ifVersion)
		if !core.Is(err, core.CodeVersionConflict) {
			return user, err
		}
	}
	return core.User{}, conflict()
}

func (s *Service) tryUpdateUser(ctx context.Context, caller core.Caller, id core.UserID, patch UserPatch, ifVersion int64) (core.User, error) {
	now, err := s.User(ctx, caller, id)
	if err != nil {
		return core.User{}, err
	}
	if err := checkVersion(now.Version, ifVersion); err != nil {
		return core.User{}, err
	}
	before := card{Ref: now.ExternalRef, Label: now.DisplayName, Metadata: now.Metadata}
	c, err := before.patched(patch.DisplayName, "display_name", patch.Metadata)
	if err != nil {
		return core.User{}, err
	}
	if c.same(before) {
		return now, nil
	}
	sealed, err := s.Seal.Seal(ctx, core.UserPlace(caller.Tenant, id, now.Version+1), c.encode())
	if err != nil {
		return core.User{}, err
	}
	record, err := s.Store.UpdateUser(ctx, caller.Tenant, core.Op{}, core.UserUpdate{
		ID: id, Sealed: sealed, IfVersion: now.Version, At: s.Clock.Now(),
		Event: s.event(caller.Tenant, caller.Actor(), core.EventUserUpdated, core.EventData{"user_id": string(id)}),
	})
	if err != nil {
		return core.User{}, err
	}
	return s.openUser(ctx, caller.Tenant, record)
}

// DeleteUser removes a user with every conversation, buffer, blob and index of
// it. ifVersion as in UpdateUser.
func (s *Service) DeleteUser(ctx context.Context, caller core.Caller, id core.UserID, ifVersion int64) error {
	record, err := s.Store.User(ctx, caller.Tenant, id)
	if err != nil {
		return err
	}
	if err := checkVersion(record.Version, ifVersion); err != nil {
		return err
	}
	event := s.event(caller.Tenant, caller.Actor(), core.EventUserDeleted, core.EventData{"user_id": string(id)})
	if err := s.Store.DeleteUser(ctx, caller.Tenant, core.Op{}, id, event); err != nil {
		return err
	}
	s.Forget.ForgetUser(caller.Tenant, id)
	return nil
}

func (s *Service) openUser(ctx context.Context, tenant core.TenantID, r core.UserRecord) (core.User, error) {
	plain, err := s.Seal.Open(ctx, core.UserPlace(tenant, r.ID, r.Version), r.Sealed)
	if err != nil {
		return core.User{}, err
	}
	c, err := decodeCard(plain)
	return core.User{
		ID: r.ID, ExternalRef: c.Ref, DisplayName: c.Label, Metadata: c.Metadata,
		Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}, err
}
