package memory

import (
	"context"
	"errors"
	"slices"

	"github.com/raven-memory/raven/core"
)

// endsKept is of how many conversations the end is remembered at most.
const endsKept = 100_000

// end is what is supposed of where a conversation ends: a conversation that nothing
// is known of is supposed to be new. The store checks it, and so nothing has to be
// kept right: who supposed wrong appends as if nothing was known.
type end struct {
	next     int64 // number of the next interaction
	buffered int64
}

type place struct {
	tenant       core.TenantID
	conversation core.ConversationID
}

func (s *Service) endOf(at place) end {
	if e, ok := s.ends.Get(at); ok {
		return e
	}
	return end{next: 1}
}

// appendFull is an append that makes batches full: they are sealed at once, with what
// is buffered, and what is new of them is written once. If others change the
// conversation meanwhile, what is buffered can't be read, or there is no room for the
// event, done is false, and nothing has changed.
func (s *Service) appendFull(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, conversation core.ConversationID, list []core.Interaction) (appended core.Appended, done bool, err error) {
	at, size := s.endOf(place{caller.Tenant, conversation}), int(caller.Settings.BatchSize)
	if at.buffered+int64(len(list)) < int64(size) {
		return appended, false, nil
	}
	held, err := s.held(ctx, caller.Tenant, user, conversation, at.buffered)
	full := len(held) + len(list)
	full -= full % size
	if err != nil || full <= len(held) || full > maxFlush {
		return appended, false, nil //nolint:nilerr // an append says what is wrong, if it is with that too
	}
	number(list, conversation, at.next)
	var a core.AppendSealed
	if a.Flush, err = s.sealFlush(ctx, caller, user, conversation, slices.Concat(held, list[:full-len(held)])); err != nil {
		return appended, false, err
	}
	if a.Entries, err = s.sealEntries(ctx, caller.Tenant, user, conversation, list[full-len(held):]); err != nil {
		return appended, false, err
	}
	appended, err = s.Store.AppendSealed(ctx, caller.Tenant, op, a)
	if core.Is(err, core.CodeVersionConflict) || errors.Is(err, core.ErrOutboxFull) { // an append records no event
		return appended, false, nil
	}
	return appended, err == nil, err
}

// held gives what is buffered, if anything is supposed to be.
func (s *Service) held(ctx context.Context, tenant core.TenantID, user core.UserID, conversation core.ConversationID, supposed int64) ([]core.Interaction, error) {
	if supposed == 0 {
		return nil, nil
	}
	entries, err := s.Store.Buffered(ctx, tenant, user, conversation, maxFlush)
	if err != nil {
		return nil, err
	}
	return s.openEntries(ctx, tenant, user, entries)
}

// number gives interactions the numbers from next on.
func number(list []core.Interaction, conversation core.ConversationID, next int64) {
	for i := range list {
		list[i].Conversation, list[i].Number = conversation, next+int64(i)
	}
}
