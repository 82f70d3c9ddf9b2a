package redis

import (
	"context"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// placeOf reads user/conversation, or user/conversation/blob.
func placeOf(member string) core.ExpiredPlace {
	user, rest, _ := strings.Cut(member, "/")
	conversation, blob, _ := strings.Cut(rest, "/")
	return core.ExpiredPlace{
		User: core.UserID(user), Conversation: core.ConversationID(conversation), Blob: core.BlobID(blob),
	}
}

// listed is a member of one of a tenant's lists of places.
type listed struct {
	tenant core.TenantID
	member string
}

// held is those places that hold something, in their order. A deletion that a
// crash cut short leaves some on the lists that do not, until they are purged.
func (s *Store) held(ctx context.Context, places []listed) ([]listed, error) {
	if len(places) == 0 {
		return nil, nil
	}
	checks := make([]placeCheck, len(places))
	err := s.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, at := range places {
			checks[i] = checkPlace(ctx, p, at.tenant, placeOf(at.member))
		}
	})
	if err != nil {
		return nil, err
	}
	var held []listed
	for i, at := range places {
		if checks[i].held() {
			held = append(held, at)
		}
	}
	return held, nil
}

// placeCheck reads what tells whether a place holds something.
type placeCheck struct {
	of   beside
	blob *goredis.StringCmd // its epoch; nil for a buffer
	ok   bool               // the place is one
}

func checkPlace(ctx context.Context, p goredis.Pipeliner, tenant core.TenantID, at core.ExpiredPlace) (c placeCheck) {
	u, err := keysOfUser(tenant, at.User)
	if err != nil {
		return c
	}
	if at.Conversation == "" { // a fact's
		c.of = besideUser(ctx, p, u)
	} else {
		k, err := u.in(at.Conversation)
		if err != nil {
			return c
		}
		c.of = besideConversation(ctx, p, k)
	}
	if at.Blob != "" {
		key, err := u.blob(at.Blob)
		if err != nil {
			return placeCheck{}
		}
		c.blob = p.HGet(ctx, key, "epoch")
	}
	c.ok = c.blob != nil || at.Conversation != ""
	return c
}

func (c placeCheck) held() bool {
	switch {
	case !c.ok || !c.of.exists():
		return false
	case c.blob != nil:
		return c.blob.Val() == c.of.epoch()
	default:
		return c.of.holds()
	}
}
