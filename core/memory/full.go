package memory

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// endsKept is of how many conversations the end is remembered at most.
const endsKept = 100_000

// end is what is supposed of where a conversation ends: a conversation that nothing
// is known of is supposed to be new. The store checks it, and so nothing has to be
// kept right: who supposed wrong appends as if nothing was known.
type end struct {
	next     int64 // number of the next interaction
	buffered bool  // something is, and so batches become full only with that
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

// appendFull is an append of as much as makes batches full by itself, where nothing
// is buffered: those are sealed at once, and written once. Without such luck done is
// false, and nothing has changed.
func (s *Service) appendFull(ctx context.Context, caller core.Caller, op core.Op, user core.UserID, conversation core.ConversationID, list []core.Interaction) (appended core.Appended, done bool, err error) {
	at, size := s.endOf(place{caller.Tenant, conversation}), int(caller.Settings.BatchSize)
	if at.buffered || len(list) < size {
		return appended, false, nil
	}
	number(list, conversation, at.next)
	full := len(list) - len(list)%size
	var a core.AppendSealed
	if a.Flush, err = s.sealFlush(ctx, caller, user, conversation, list[:full]); err != nil {
		return appended, false, err
	}
	if a.Entries, err = s.sealEntries(ctx, caller.Tenant, user, conversation, list[full:]); err != nil {
		return appended, false, err
	}
	appended, err = s.Store.AppendSealed(ctx, caller.Tenant, op, a)
	if core.Is(err, core.CodeVersionConflict) {
		return appended, false, nil
	}
	return appended, err == nil, err
}

// number gives interactions the numbers from next on.
func number(list []core.Interaction, conversation core.ConversationID, next int64) {
	for i := range list {
		list[i].Conversation, list[i].Number = conversation, next+int64(i)
	}
}
