package redis

import (
	"context"
	"encoding/json"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// A script reseals so many records, or so many bytes, at most.
const (
	resealRecords = 50
	resealBytes   = 4 << 20
)

// Reseal puts newly sealed bytes in the place of the old.
func (s *Store) Reseal(ctx context.Context, tenant core.TenantID, list []core.Resealed) (done int, err error) {
	if tenant == core.DeploymentTenant {
		return s.resealNames(ctx, list)
	}
	t, err := keysOf(tenant)
	if err != nil {
		return 0, err
	}
	var names []core.Resealed
	records := resealing{Store: s, tenantKeys: t}
	for _, r := range list {
		switch {
		case r.Place.Kind == core.KindDerived:
			err = records.derived(ctx, r)
		case r.Place.Kind != core.KindTenant && r.Place.Kind != core.KindAPIKey:
			err = records.add(ctx, r)
		case ownerOf(r) == tenant:
			names = append(names, r)
		}
		if err != nil {
			return records.done, err
		}
	}
	if err := records.write(ctx); err != nil {
		return records.done, err
	}
	more, err := s.resealNames(ctx, names)
	return records.done + more, err
}

// resealing gathers records of one tenant.
type resealing struct {
	*Store
	tenantKeys
	batch []resealable
	bytes int
	wrote bool
	done  int
}

// resealable is a record with the keys it is found by; that of the conversation
// is the user's where there is none.
type resealable struct {
	core.Resealed
	user, conversation, key string
	header                  *goredis.StringCmd // of a blob
}

// add passes over what has no place.
func (b *resealing) add(ctx context.Context, r core.Resealed) error {
	one, ok := b.place(r)
	if !ok {
		return nil
	}
	b.batch = append(b.batch, one)
	b.bytes += len(r.Was) + len(r.Now)
	if len(b.batch) >= resealRecords || b.bytes >= resealBytes {
		return b.write(ctx)
	}
	return nil
}

func (b *resealing) place(r core.Resealed) (resealable, bool) {
	one := resealable{Resealed: r}
	u, err := b.of(r.Place.User)
	if err != nil {
		return one, false
	}
	one.user, one.conversation, one.key = u.hash(), u.hash(), u.hash()
	conversation, blob, _ := strings.Cut(r.Place.Record, "/")
	if conversation != "" && r.Place.Kind != core.KindUser {
		c, err := u.in(core.ConversationID(conversation))
		if err != nil {
			return one, false
		}
		one.conversation, one.key = c.hash(), c.hash()
	}
	switch r.Place.Kind {
	case core.KindUser:
		return one, r.Place.Record == string(u.user)
	case core.KindConversation:
		return one, conversation != "" && conversation == r.Place.Record
	case core.KindBlob: // a fact is one of no conversation
		one.key, err = u.blob(core.BlobID(blob))
		_, sealed := core.EnvelopeKeyVersion(r.Now) // or nobody could tell its key
		return one, err == nil && sealed
	default:
		return one, false
	}
}

// write also runs with nothing to write, once, as it tells whether the tenant
// exists.
func (b *resealing) write(ctx context.Context) error {
	if len(b.batch) == 0 && b.wrote {
		return nil
	}
	if err := b.readHeaders(ctx); err != nil {
		return err
	}
	keys, args := b.stepKeys(core.Op{}), stepArgs(core.Op{})
	for _, one := range b.batch {
		header, conversation, err := one.newHeader()
		if err != nil {
			return err
		}
		keys = append(keys, one.user, one.conversation, one.key)
		args = append(args, one.Was, one.Now, header, conversation)
	}
	answer, err := b.run(ctx, resealRecord, keys, args...)
	if err != nil {
		return err
	}
	b.done += int(number(answer[0]))
	b.batch, b.bytes, b.wrote = nil, 0, true
	return nil
}

// readHeaders reads the headers of the blobs. One that is changed until the
// script runs goes with other sealed bytes, and then the script passes over it.
func (b *resealing) readHeaders(ctx context.Context) error {
	return b.pipeAlone(ctx, func(p goredis.Pipeliner) {
		for i, one := range b.batch {
			if one.Place.Kind == core.KindBlob {
				b.batch[i].header = p.HGet(ctx, one.key, "header")
			}
		}
	})
}

// newHeader is a blob's header with the key version of what it is to hold, and
// the conversation it must belong to; "" for what is no blob.
func (r resealable) newHeader() (header, conversation string, err error) {
	if r.header == nil {
		return "", "", nil
	}
	conversation, _, _ = strings.Cut(r.Place.Record, "/")
	if r.header.Val() == "" { // it is gone
		return "-", conversation, nil
	}
	var h blobHeader
	if err := json.Unmarshal([]byte(r.header.Val()), &h); err != nil {
		return "", "", fault("the header of the blob %s", r.Place.Record)
	}
	h.KeyVersion, _ = core.EnvelopeKeyVersion(r.Now)
	text, err := json.Marshal(h)
	return string(text), conversation, err
}

// ownerOf is the tenant whose profile or API key's name it is.
func ownerOf(r core.Resealed) core.TenantID {
	owner, _, _ := strings.Cut(r.Place.Record, "/")
	return core.TenantID(owner)
}

// nameArgs are a profile, of key "", or the name of an API key, whose record
// holds it in base64; nothing for what is neither.
func nameArgs(r core.Resealed) []any {
	_, key, ofKey := strings.Cut(r.Place.Record, "/")
	switch {
	case r.Place.Kind == core.KindTenant && !ofKey:
		return []any{"", r.Was, r.Now}
	case r.Place.Kind == core.KindAPIKey && core.KeyID(key).Valid():
		return []any{key, textOfBytes(r.Was), textOfBytes(r.Now)}
	default:
		return nil
	}
}

// resealNames reseals profiles and names of API keys, those of each tenant by
// themselves.
func (s *Store) resealNames(ctx context.Context, list []core.Resealed) (done int, err error) {
	var owners []core.TenantID
	of := map[core.TenantID][]any{}
	for _, r := range list {
		owner, args := ownerOf(r), nameArgs(r)
		if of[owner] == nil && len(args) > 0 {
			owners = append(owners, owner)
		}
		of[owner] = append(of[owner], args...)
	}
	for _, owner := range owners {
		n, err := s.resealNamesOf(ctx, owner, of[owner])
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// resealNamesOf passes over a tenant that does not exist.
func (s *Store) resealNamesOf(ctx context.Context, owner core.TenantID, args []any) (int, error) {
	t, err := keysOf(owner)
	if err != nil {
		return 0, nil //nolint:nilerr // it is none
	}
	answer, err := s.run(ctx, resealName, t.stepKeys(core.Op{}, t.apiKeys()), append(stepArgs(core.Op{}), args...)...)
	if core.Is(err, core.CodeNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return int(number(answer[0])), nil
}
