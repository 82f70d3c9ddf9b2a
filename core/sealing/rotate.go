package sealing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// maxTries bounds how often a change of keys is tried again because somebody
// else changed them in between.
const maxTries = 8

// Status is the state of the tenant's encryption. It needs no key, so that it
// can be told while the tenant's key is gone.
func (s *Service) Status(ctx context.Context, tenant core.TenantID, mode core.EncryptionMode) (core.Encryption, error) {
	list, err := s.wrappedKeys(ctx, tenant)
	if err != nil {
		return core.Encryption{}, err
	}
	key, ok := newest.pick(list)
	if !ok {
		return core.Encryption{}, fmt.Errorf("%w of tenant %s to seal with", errNoDataKey, tenant)
	}
	e := core.Encryption{Mode: mode, Provider: key.Provider, KeyVersion: key.Version, KeyCreatedAt: key.CreatedAt}
	if s.Rotation == nil {
		e.Reencryption.State = core.ReencryptionIdle
		return e, nil
	}
	e.Reencryption, err = s.Rotation.Reencryption(ctx, tenant)
	if due(e.Reencryption, list) && e.Reencryption.State != core.ReencryptionFailed {
		e.Reencryption.State = core.ReencryptionRunning
	} else if e.Reencryption.State == "" {
		e.Reencryption.State = core.ReencryptionIdle
	}
	return e, err
}

// due reports whether what is stored may be sealed under older keys than the newest.
func due(r core.Reencryption, list []core.WrappedKey) bool {
	key, _ := newest.pick(list)
	switch r.State {
	case core.ReencryptionRunning, core.ReencryptionFailed:
		return true
	default:
		return r.Version != key.Version && len(older(list)) > 0
	}
}

// older lists the sealing keys before the newest.
func older(list []core.WrappedKey) (old []core.WrappedKey) {
	key, _ := newest.pick(list)
	for _, w := range list {
		if w.Version >= firstSealingKey && w.Version < key.Version {
			old = append(old, w)
		}
	}
	return old
}

// Rotate gives the caller's tenant a new data key, by which everything is sealed
// from the return on, and has what is stored re-encrypted. While that still
// runs for an earlier rotation it makes no key. Either way the data keys there
// are come under the newest version of their wrapping keys. It returns the
// state after. CodeKeyUnavailable, CodeKeyManagement, and then nothing is changed.
func (s *Service) Rotate(ctx context.Context, caller core.Caller, op core.Op) (core.Encryption, error) {
	mode, err := s.rotate(ctx, caller.Tenant, caller.Actor(), op)
	if err != nil {
		return core.Encryption{}, err
	}
	s.Changed(caller.Tenant)
	s.report(ctx, "rewrapping data keys", s.rewrap(ctx, caller.Tenant))
	return s.Status(ctx, caller.Tenant, mode)
}

// Changed is told that the tenant has another newest data key.
func (s *Service) Changed(tenant core.TenantID) {
	s.Forget(tenant)
	if s.Wake != nil {
		s.Wake()
	}
}

func (s *Service) rotate(ctx context.Context, tenant core.TenantID, actor core.Actor, op core.Op) (mode core.EncryptionMode, err error) {
	for range maxTries {
		mode, err = s.tryRotate(ctx, tenant, actor, op)
		if !core.Is(err, core.CodeVersionConflict) {
			return mode, err
		}
	}
	return mode, core.NewError(core.CodeVersionConflict, "Others changed the keys at the same time. Try again.")
}

// tryRotate reads the keys before the mode: a change of mode in between adds a
// key, and then this adds none.
func (s *Service) tryRotate(ctx context.Context, tenant core.TenantID, actor core.Actor, op core.Op) (core.EncryptionMode, error) {
	list, err := s.wrappedKeys(ctx, tenant)
	if err != nil {
		return "", err
	}
	mode, err := s.modeOf(ctx, tenant)
	if err != nil {
		return "", err
	}
	now, err := s.Rotation.Reencryption(ctx, tenant)
	if err != nil || due(now, list) && now.State != core.ReencryptionFailed {
		return mode, err
	}
	provider, err := s.Providers.of(mode)
	if err != nil {
		return mode, err
	}
	addition, err := s.addition(ctx, tenant, provider, list, actor)
	if err != nil {
		return mode, err
	}
	return mode, s.Rotation.AddDataKey(ctx, tenant, op, addition)
}

func (s *Service) modeOf(ctx context.Context, tenant core.TenantID) (core.EncryptionMode, error) {
	if tenant == core.DeploymentTenant {
		return core.EncryptionPlatform, nil
	}
	record, err := s.Tenants.Tenant(ctx, tenant)
	return record.Settings.EncryptionMode, err
}

// ChangeMode makes the data key that goes with a change of the tenant's
// encryption mode, to be stored in the same step as the new mode; after that
// step, Changed wants to know. CodeKeyUnavailable when the key that the new
// mode needs, or the one that the old mode used, is missing or refused.
func (s *Service) ChangeMode(ctx context.Context, caller core.Caller, mode core.EncryptionMode) (*core.DataKeyAddition, error) {
	list, err := s.wrappedKeys(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	provider, err := s.Providers.of(mode)
	if err != nil {
		return nil, err
	}
	addition, err := s.addition(ctx, caller.Tenant, provider, list, caller.Actor())
	return &addition, err
}

// addition makes the data key that follows the newest in the list. It opens what
// there is first: a provider that makes wrapping keys which are missing is not to
// make one anew for a tenant who destroyed it.
func (s *Service) addition(ctx context.Context, tenant core.TenantID, provider ports.WrappingKeys, list []core.WrappedKey, actor core.Actor) (core.DataKeyAddition, error) {
	was, _ := versioned(core.IndexKeyVersion).pick(list)
	index, err := s.openStored(ctx, s.deployment, tenant, was, list)
	if err != nil {
		return core.DataKeyAddition{}, err
	}
	defer index.clear()
	last, _ := newest.pick(list)
	key, wrapped, err := s.makeKey(ctx, provider, tenant, last.Version+1)
	if err != nil {
		return core.DataKeyAddition{}, err
	}
	defer key.clear()
	sealed, err := s.sealIndex(s.deployment, tenant, index, key)
	if err != nil {
		return core.DataKeyAddition{}, err
	}
	total, err := s.records(ctx, tenant)
	return core.DataKeyAddition{
		Key: wrapped, Index: sealed, IndexWas: was.Wrapped,
		Reencryption: core.Reencryption{State: core.ReencryptionRunning, Version: wrapped.Version, Total: total, StartedAt: s.now()},
		Events: []core.Event{s.event(tenant, actor, core.EventEncryptionRotated, core.EventData{
			"key_version": int64(wrapped.Version), "provider": wrapped.Provider,
		})},
	}, err
}

// records counts what a re-encryption looks at.
func (s *Service) records(ctx context.Context, tenant core.TenantID) (int64, error) {
	if tenant == core.DeploymentTenant {
		return 0, nil
	}
	u, err := s.Tenants.Usage(ctx, tenant)
	return u.Users + u.Conversations + u.Blobs, err
}

// KeyNames names what must be gone for the tenant's data to be unreadable: its
// data keys, and the keys of its own that wrap them.
func (s *Service) KeyNames(ctx context.Context, tenant core.TenantID) ([]string, error) {
	list, err := s.wrappedKeys(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var names []string
	own := false
	for _, w := range list {
		if w.Version >= firstSealingKey {
			names = append(names, fmt.Sprintf("%s:%s/%d", w.Provider, tenant, w.Version))
		}
		own = own || s.Providers.own(w.Provider)
	}
	if namer, ok := s.Providers.Tenant.(keyNamer); ok && own {
		names = append(names, s.Providers.Tenant.Provider()+":"+namer.KeyName(tenant))
	}
	return names, nil
}

// RotateOld gives a new data key to whoever's newest is older than age: tenants
// and the deployment. Age is all that asks for it: each envelope has a key of its
// own, derived with 256 random bits, so that what a data key seals does not come
// near AES-GCM's bound of 2^32 messages however much it is. It goes on past those
// that fail and joins their errors, those of an own key that is gone aside.
func (s *Service) RotateOld(ctx context.Context, age time.Duration) error {
	failed := []error{s.rotateOld(ctx, core.DeploymentTenant, age)}
	err := s.eachTenant(ctx, func(id core.TenantID) error {
		err := s.rotateOld(ctx, id, age)
		if !core.Is(err, core.CodeNotFound) && !core.Is(err, core.CodeKeyUnavailable) {
			failed = append(failed, err)
		}
		return ctx.Err()
	})
	return errors.Join(append(failed, err)...)
}

func (s *Service) rotateOld(ctx context.Context, tenant core.TenantID, age time.Duration) error {
	list, err := s.wrappedKeys(ctx, tenant)
	if err != nil {
		return err
	}
	if key, _ := newest.pick(list); s.Clock.Now().Sub(key.CreatedAt) < age {
		return nil
	}
	if _, err := s.rotate(ctx, tenant, core.Actor{}, core.Op{}); err != nil {
		return err
	}
	s.Changed(tenant)
	return nil
}
