package sqlite

import (
	"context"
	"strings"

	"github.com/raven-memory/raven/core"
)

// Reseal puts newly sealed bytes in the place of the old.
func (s *Store) Reseal(ctx context.Context, tenant core.TenantID, list []core.Resealed) (done int, err error) {
	run := func(t *txn) (int, error) {
		n := 0
		for _, r := range list {
			replaced, err := t.reseal(tenant, r)
			if err != nil {
				return 0, err
			}
			n += int(replaced)
		}
		return n, nil
	}
	if tenant == core.DeploymentTenant {
		return ownStep(ctx, s, core.Op{}, run)
	}
	return step(ctx, s, tenant, core.Op{}, run)
}

const (
	ofLiveTenant = `(SELECT id FROM tenants WHERE tenant = ? AND deleted_at IS NULL)`
	ofOneUser    = `(SELECT id FROM users WHERE tenant = ? AND user = ?)`
)

func (t *txn) reseal(tenant core.TenantID, r core.Resealed) (int64, error) {
	owner, record, _ := strings.Cut(r.Place.Record, "/")
	now, was := bytesOf(r.Now), bytesOf(r.Was)
	switch r.Place.Kind {
	case core.KindTenant, core.KindAPIKey:
		if tenant != core.DeploymentTenant && core.TenantID(owner) != tenant {
			return 0, nil
		}
		if r.Place.Kind == core.KindTenant {
			return t.affect(`UPDATE tenants SET profile = ? WHERE id = `+ofLiveTenant+` AND profile = ?`, now, r.Place.Record, was)
		}
		return t.affect(`UPDATE api_keys SET sealed = ? WHERE tenant = `+ofLiveTenant+` AND key = ? AND sealed = ?`,
			now, owner, record, was)
	case core.KindUser:
		return t.affect(`UPDATE users SET sealed = ? WHERE tenant = ? AND user = ? AND sealed = ?`, now, t.tenant, r.Place.Record, was)
	case core.KindConversation:
		return t.affect(`UPDATE conversations SET sealed = ? WHERE user = `+ofOneUser+` AND conversation = ? AND sealed = ?`,
			now, t.tenant, r.Place.User, r.Place.Record, was)
	case core.KindBlob:
		return t.resealBlob(r)
	case core.KindDerived:
		return t.resealDerived(r)
	default:
		return 0, nil
	}
}

// resealBlob passes over what is no envelope: nobody could tell its key. A fact
// is a blob of no conversation.
func (t *txn) resealBlob(r core.Resealed) (int64, error) {
	version, ok := core.EnvelopeKeyVersion(r.Now)
	if !ok {
		return 0, nil
	}
	conversation, blob, _ := strings.Cut(r.Place.Record, "/")
	n, err := t.affect(`UPDATE blobs SET sealed = ?1, size = length(?1), key_version = ?2
		WHERE user = (SELECT id FROM users WHERE tenant = ?3 AND user = ?4) AND blob = ?5 AND sealed = ?6
		AND conversation IS (SELECT c.id FROM conversations c WHERE c.user = blobs.user AND c.conversation = ?7)
		AND (conversation IS NULL) = (?7 = '')`,
		r.Now, version, t.tenant, r.Place.User, blob, bytesOf(r.Was), conversation)
	if err != nil || n == 0 || len(r.Now) == len(r.Was) {
		return n, err
	}
	return n, t.count(core.Usage{BlobBytes: int64(len(r.Now) - len(r.Was))})
}

// resealDerived passes over what is no envelope too.
func (t *txn) resealDerived(r core.Resealed) (int64, error) {
	version, ok := core.EnvelopeKeyVersion(r.Now)
	kind, rest, _ := strings.Cut(r.Place.Record, "/")
	conversation, id, _ := strings.Cut(rest, "/")
	if !ok {
		return 0, nil
	}
	return t.affect(`UPDATE derived SET sealed = ?1, size = length(?1), key_version = ?2
		WHERE user = (SELECT id FROM users WHERE tenant = ?3 AND user = ?4) AND derived = ?5 AND kind = ?6
		AND conversation = ?7 AND sealed = ?8`,
		r.Now, version, t.tenant, r.Place.User, id, kind, conversation, bytesOf(r.Was))
}
