// Package tenancy knows who exists: tenants with their settings, their users,
// and the users' conversations.
package tenancy

import (
	"context"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

type sealer interface {
	Seal(ctx context.Context, place core.Place, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, place core.Place, sealed []byte) ([]byte, error)
	Hash(ctx context.Context, tenant core.TenantID, domain, value string) (string, error)
	NewTenantKeys(ctx context.Context, tenant core.TenantID, mode core.EncryptionMode) ([]core.WrappedKey, error)
	ChangeMode(ctx context.Context, caller core.Caller, mode core.EncryptionMode) (*core.DataKeyAddition, error)
	Changed(tenant core.TenantID)
	KeyNames(ctx context.Context, tenant core.TenantID) ([]string, error)
}

// signer signs a receipt, so that it can be shown to others.
type signer interface {
	Sign(ctx context.Context, receipt []byte) (signature string, err error)
}

type keyMaker interface {
	Make(ctx context.Context, tenant core.TenantID, k core.NewKey) (core.KeyRecord, core.IssuedKey, error)
}

type flusher interface {
	Flush(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, conversation core.ConversationID) ([]core.BlobID, error)
}

// forgetter drops what this process keeps in memory of somebody, or brings it
// up to date.
type forgetter interface {
	Forget(tenant core.TenantID)
	ForgetSettings(tenant core.TenantID)
	ForgetUser(tenant core.TenantID, user core.UserID)
	Follow(ctx context.Context, tenant core.TenantID, user core.UserID)
}

// facts are what is known of users, which rests on what they said.
type facts interface {
	Unlearn(ctx context.Context, caller core.Caller, user core.UserID, gone func(core.FactSource) bool) error
}

// Store is every store port that tenancy needs.
type Store interface {
	ports.Tenants
	ports.Users
	ports.Conversations
}

// Options are the operator's choices.
type Options struct {
	Defaults core.Settings // of tenants that chose nothing
	Ceilings Ceilings

	Webhooks WebhookRules

	// TenantKeys allows encryption_mode "tenant".
	TenantKeys bool

	// FoldEmail gives the form in which emails are compared.
	FoldEmail func(string) string

	// PlainRefs lets the store find emails and references by themselves and not
	// by a keyed hash: they are then in the clear in its keys.
	PlainRefs bool
}

// Deps are what the service works with.
type Deps struct {
	Store   Store
	Seal    sealer
	Keys    keyMaker
	Flush   flusher
	Facts   facts
	Forget  forgetter
	Clock   ports.Clock
	IDs     *core.IDs
	Cursors *core.Cursors
	Sign    signer // nil: receipts are not signed
}

// Service is safe for concurrent use.
type Service struct {
	Deps
	opt   Options
	names names
}

// New makes the service.
func New(deps Deps, opt Options) *Service {
	return &Service{Deps: deps, opt: opt, names: names{Keep: namesKept}}
}

// maxTries bounds how often a change is tried again because somebody else
// changed the same thing in between.
const maxTries = 8

func (s *Service) event(tenant core.TenantID, actor core.Actor, kind core.EventType, data core.EventData) core.Event {
	return core.Event{ID: s.IDs.Event(), Type: kind, At: s.Clock.Now(), Tenant: tenant, Actor: actor, Data: data}
}

// lookUp is what the store finds a text by.
func (s *Service) lookUp(ctx context.Context, tenant core.TenantID, domain, text string) (string, error) {
	if s.opt.PlainRefs {
		return text, nil
	}
	return s.Seal.Hash(ctx, tenant, domain, text)
}

// page fetches one item more than was asked for, to know whether there is a
// next page.
func page[R, T any](
	s *Service, tenant core.TenantID, list, cursor string, limit int,
	fetch func(core.Page) ([]R, error), position func(R) int64, open func(R) (T, error),
) (core.List[T], error) {
	after, err := s.Cursors.Decode(tenant, list, cursor)
	if err != nil {
		return core.List[T]{}, err
	}
	records, err := fetch(core.Page{After: after, Limit: limit + 1})
	if err != nil {
		return core.List[T]{}, err
	}
	out := core.List[T]{Items: make([]T, 0, len(records))}
	if len(records) > limit {
		records = records[:limit]
		out.Next = s.Cursors.Encode(tenant, list, position(records[limit-1]))
	}
	for _, r := range records {
		item, err := open(r)
		if err != nil {
			return core.List[T]{}, err
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}
