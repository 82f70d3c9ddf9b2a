package redis

import (
	"context"
	"math"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// What is to be purged of a tenant is a set of: "tenant" for all of it,
// "email/…", "operation/…" for an outcome that is to stay, and of what a user
// or a conversation left, user, user/conversation and user/cleared.
const (
	wholeTenant = "tenant"
	ofEmail     = "email/"
	ofOperation = "operation/"
	cleared     = "cleared"
)

// everything is no bound.
const everything = math.MaxInt64

// PurgeTenants removes what deletions left: of tenants all but their events,
// and of users, conversations and memory what a crash kept from going with
// them. It also confirms the registrations that a crash left unconfirmed.
func (s *Store) PurgeTenants(ctx context.Context, limit int) (done bool, err error) {
	s.rewriteOwed(ctx)
	s.mu.Lock()
	last := s.purgeFrom
	s.mu.Unlock()
	left := int64(max(limit, 1))
	err = s.everyTenant(ctx, last, func(batch []core.TenantID) (bool, error) {
		todo, err := s.toPurge(ctx, batch)
		if err != nil {
			return false, err
		}
		for _, id := range batch {
			if t, ok := todo[id]; ok {
				p := purge{Store: s, tenantKeys: t, left: left}
				err := p.all(ctx)
				if left = p.left; err != nil || left <= 0 {
					return false, err
				}
			}
			last = id
		}
		return true, nil
	})
	s.mu.Lock()
	s.purgeFrom = last // the next call goes on where this one stopped
	s.mu.Unlock()
	return err == nil && left > 0, err
}

// toPurge is those tenants that have something to purge or to confirm.
func (s *Store) toPurge(ctx context.Context, ids []core.TenantID) (map[core.TenantID]tenantKeys, error) {
	sizes := make([]*goredis.IntCmd, len(ids))
	unconfirmed := make([]*goredis.BoolCmd, len(ids))
	todo := map[core.TenantID]tenantKeys{}
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, id := range ids {
			if t, err := keysOf(id); err == nil {
				todo[id] = t
				sizes[i] = p.SCard(ctx, t.purge())
				unconfirmed[i] = p.HExists(ctx, t.tenant(), "unconfirmed")
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if sizes[i] == nil {
			continue
		}
		if unconfirmed[i].Val() {
			if err := s.confirmLate(ctx, todo[id]); err != nil && !core.Is(err, core.CodeNotFound) { // deleted by now
				return nil, err
			}
		}
		if sizes[i].Val() == 0 {
			delete(todo, id)
		}
	}
	return todo, nil
}

// clean removes what a deletion left, as its answer tells, before its call
// returns. The step is done by then: what can't be removed now stays on the list.
func (s *Store) clean(ctx context.Context, t tenantKeys, member string, answer outcome, err error) error {
	if err == nil && len(answer) > 0 && answer[0] == "purge" {
		p := purge{Store: s, tenantKeys: t, left: everything}
		_ = p.member(ctx, member)
	}
	return err
}

// purge removes rows of one tenant until so many are gone. All of it may be
// done by several at once.
type purge struct {
	*Store
	tenantKeys
	left int64
}

func (p *purge) all(ctx context.Context) error {
	var set *goredis.StringSliceCmd
	if err := p.pipeAlone(ctx, func(pipe goredis.Pipeliner) { set = pipe.SMembers(ctx, p.purge()) }); err != nil {
		return err
	}
	for _, member := range set.Val() {
		if p.left <= 0 {
			return nil
		}
		if member == wholeTenant || strings.HasPrefix(member, ofOperation) {
			continue
		}
		if err := p.member(ctx, member); err != nil {
			return err
		}
	}
	if p.left > 0 && slices.Contains(set.Val(), wholeTenant) {
		return p.whole(ctx, set.Val())
	}
	return nil
}

func (p *purge) member(ctx context.Context, member string) error {
	if email, ok := strings.CutPrefix(member, ofEmail); ok {
		return p.email(ctx, email)
	}
	user, of, _ := strings.Cut(member, "/")
	u, err := p.of(core.UserID(user))
	if err != nil {
		return p.finish(ctx, member)
	}
	switch of {
	case "":
		err = p.user(ctx, u)
	case cleared:
		err = p.cleared(ctx, u)
	default:
		var c conversationKeys
		if c, err = u.in(core.ConversationID(of)); err == nil {
			err = p.conversation(ctx, c)
		}
	}
	if err != nil || p.left <= 0 {
		return err
	}
	return p.finish(ctx, member)
}

// finish takes something off the list.
func (p *purge) finish(ctx context.Context, member string) error {
	p.left--
	return p.pipe(ctx, func(pipe goredis.Pipeliner) { pipe.SRem(ctx, p.purge(), member) })
}

func (p *purge) email(ctx context.Context, email string) error {
	if _, err := p.repeat(ctx, []call{{deleteEqual, []string{emailKey(email)}, []any{string(p.id)}}}); err != nil {
		return err
	}
	return p.finish(ctx, ofEmail+email)
}

// apiKeys removes a deleted tenant's keys, and their index entries before them.
func (p *purge) apiKeys(ctx context.Context) error {
	keys, err := p.allKeys(ctx, p.tenantKeys)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(keys, chunk) {
		calls := make([]call, 0, len(some))
		for _, k := range some {
			calls = append(calls, call{releaseKeyHash, []string{hashKey(k.Hash)}, []any{string(p.id), string(k.ID)}})
		}
		if _, err := p.repeat(ctx, calls); err != nil {
			return err
		}
	}
	p.left -= int64(len(keys))
	return p.pipe(ctx, func(pipe goredis.Pipeliner) { pipe.Unlink(ctx, p.tenantKeys.apiKeys()) })
}
