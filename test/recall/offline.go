package main

import (
	"context"
	"fmt"
	"time"

	"github.com/raven-memory/raven/adapters/snowball"
	"github.com/raven-memory/raven/adapters/thesaurus"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/ports"
	"github.com/raven-memory/raven/test/locomo"
)

// offline asks the ranking itself. It is the store as well: one that holds
// buffered interactions, unsealed, and never changes once they are in.
type offline struct {
	ports.Memories // only UserBuffer and Blobs are asked for
	service        *recall.Service
	users          map[core.UserID][]core.BufferEntry
	conversations  int
	interactions   int
}

func newOffline(opt recall.Options) *offline {
	o := &offline{users: map[core.UserID][]core.BufferEntry{}}
	opt.Thesaurus = thesaurus.New()
	o.service = recall.New(o, o, o, snowball.New(), o, opt)
	return o
}

// with asks the ranking under other options, of the same memory.
func (o *offline) with(opt recall.Options) *offline {
	other := *o
	opt.Thesaurus = thesaurus.New()
	other.service = recall.New(&other, &other, &other, snowball.New(), &other, opt)
	return &other
}

const offlineTenant core.TenantID = "ten_offline"

var offlineCaller = core.Caller{Tenant: offlineTenant, Scopes: core.ScopeMemoryRead}

func (o *offline) ingest(ctx context.Context, s locomo.Sample) (string, map[string]string, error) {
	user := core.UserID("usr_" + s.ID)
	turns := map[string]string{}
	for _, session := range s.Sessions {
		o.conversations++
		for number, t := range session.Turns {
			o.interactions++
			in := core.Interaction{
				ID:   core.InteractionID(fmt.Sprintf("int_%06d", o.interactions)),
				Role: core.Role(t.Role), Name: t.Speaker, Content: t.Content(), OccurredAt: t.At, AcceptedAt: t.At,
			}
			turns[string(in.ID)] = t.ID
			o.users[user] = append(o.users[user], core.BufferEntry{
				ID: in.ID, Conversation: core.ConversationID(fmt.Sprintf("cnv_%04d", o.conversations)),
				Number: int64(number + 1), Position: int64(len(o.users[user]) + 1),
				Sealed: core.EncodeInteractions([]core.Interaction{in}),
			})
		}
	}
	return string(user), turns, o.embed(ctx, user)
}

func (o *offline) search(ctx context.Context, user, question string) ([]string, error) {
	items, err := o.service.Search(ctx, offlineCaller, core.UserID(user), recall.Query{Text: question, Limit: locomo.Limit})
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].ID
	}
	return ids, err
}

func (o *offline) context(ctx context.Context, user, question string, tokens int) (recall.Context, error) {
	return o.service.Context(ctx, offlineCaller, core.UserID(user), recall.ContextQuery{
		Text: question, MaxTokens: tokens, Include: []recall.Include{recall.IncludeFacts, recall.IncludeEpisodes},
	})
}

func (o *offline) UserBuffer(_ context.Context, _ core.TenantID, user core.UserID, page core.Page) ([]core.BufferEntry, error) {
	entries := o.users[user]
	from := min(int(page.After), len(entries))
	return entries[from:min(from+page.Limit, len(entries))], nil
}

func (o *offline) Blobs(context.Context, core.TenantID, core.UserID, core.Page, bool) ([]core.BlobRecord, error) {
	return nil, nil
}

func (o *offline) MemoryVersion(context.Context, core.TenantID, core.UserID) (int64, error) {
	return 1, nil
}

func (o *offline) Changes(context.Context, core.TenantID, core.UserID, int64, int) ([]core.Change, bool, error) {
	return nil, false, nil
}

func (o *offline) Open(_ context.Context, _ core.Place, sealed []byte) ([]byte, error) {
	return sealed, nil
}

func (o *offline) Now() time.Time { return time.Now() }
