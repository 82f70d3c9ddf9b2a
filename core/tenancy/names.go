package tenancy

import (
	"context"
	"strings"

	"github.com/raven-memory/raven/core"
)

// namesKept is how many references are remembered at most.
const namesKept = 100_000

// name is a reference as the store finds it, of a user or, in one, of a conversation.
type name struct {
	tenant core.TenantID
	user   core.UserID // "" for a user's own
	key    string
}

// names remembers the ids that references stand for. An id is never used again and
// its reference never changes, so that what is remembered is right for as long as
// the thing is there. Once it is gone, on whichever node, whatever is asked of it
// fails with CodeNotFound; then the reference is looked up anew. So there is nothing
// to invalidate.
type names = core.Recent[name, string]

// ForUser calls do with the user that a caller's way of naming one stands for: an
// id, or "ext:" and an external reference. Neither is looked up where the id is
// known. So do must fail with CodeNotFound, and have done nothing, where there is
// no such user; it is called once more if the reference has come to stand for
// another one.
func (s *Service) ForUser(ctx context.Context, caller core.Caller, user string, do func(core.UserID) error) error {
	return s.named(func(known bool) (remembered bool, err error) {
		id, remembered, err := s.findUser(ctx, caller, user, known)
		if err == nil {
			err = do(id)
		}
		return remembered, err
	})
}

// ForConversation is ForUser for a conversation of a user's.
func (s *Service) ForConversation(ctx context.Context, caller core.Caller, user, conversation string, do func(core.UserID, core.ConversationID) error) error {
	return s.named(func(known bool) (remembered bool, err error) {
		of, remembered, err := s.findUser(ctx, caller, user, known)
		if err != nil {
			return remembered, err
		}
		id, also, err := s.findConversation(ctx, caller, of, conversation, known)
		if err == nil {
			err = do(of, id)
		}
		return remembered || also, err
	})
}

// named runs what works on names, from what is known of them, and once more
// without that where it may be out of date.
func (s *Service) named(run func(known bool) (remembered bool, err error)) error {
	remembered, err := run(true)
	if remembered && core.Is(err, core.CodeNotFound) {
		_, err = run(false)
	}
	return err
}

// findUser gives the id that a caller's way of naming a user stands for, from what
// is known if that may be used; remembered says whether it was.
func (s *Service) findUser(ctx context.Context, caller core.Caller, text string, known bool) (id core.UserID, remembered bool, err error) {
	ref, external := strings.CutPrefix(text, refPrefix)
	switch {
	case !external && core.UserID(text).Valid():
		return core.UserID(text), false, nil
	case !external, core.CheckExternalRef(ref) != "":
		return "", false, core.NotFound()
	}
	key, err := s.userRef(ctx, caller.Tenant, &ref)
	if err != nil {
		return "", false, err
	}
	return remember(&s.names, name{tenant: caller.Tenant, key: key}, known, func() (core.UserID, error) {
		record, err := s.Store.UserByRef(ctx, caller.Tenant, key)
		return record.ID, err
	})
}

// findConversation is findUser for a conversation.
func (s *Service) findConversation(ctx context.Context, caller core.Caller, user core.UserID, text string, known bool) (id core.ConversationID, remembered bool, err error) {
	ref, external := strings.CutPrefix(text, refPrefix)
	switch {
	case !external && core.ConversationID(text).Valid():
		return core.ConversationID(text), false, nil
	case !external, core.CheckExternalRef(ref) != "":
		return "", false, core.NotFound()
	}
	key, err := s.conversationRef(ctx, caller.Tenant, user, &ref)
	if err != nil {
		return "", false, err
	}
	return remember(&s.names, name{tenant: caller.Tenant, user: user, key: key}, known, func() (core.ConversationID, error) {
		record, err := s.Store.ConversationByRef(ctx, caller.Tenant, user, key)
		return record.ID, err
	})
}

// remember gives what a name is known to stand for, if that may be used, else what
// is looked up, which is known from then on.
func remember[ID ~string](n *names, of name, known bool, lookUp func() (ID, error)) (id ID, remembered bool, err error) {
	if known {
		if id, ok := n.Get(of); ok {
			return ID(id), true, nil
		}
	}
	if id, err = lookUp(); err == nil {
		n.Put(of, string(id))
	}
	return id, false, err
}
