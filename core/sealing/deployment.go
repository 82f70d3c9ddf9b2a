package sealing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/raven-memory/raven/core"
)

// ErrWrongKeyring says that this server can't open what the store holds.
var ErrWrongKeyring = errors.New("the keyring is not the one this data was sealed with")

// Start makes the deployment on the first start, and from then on proves that
// the wrapping keys are the ones it was made with: by the check values of the
// keyring's versions (nil from a provider that has none) and by unwrapping the
// deployment's own keys. It fails with ErrWrongKeyring when they are not. Check
// values of new versions are stored. Nodes may start at once. Nothing else may
// be called before it returns.
func (s *Service) Start(ctx context.Context, newDeploymentID func() string, checks map[uint32]string) error {
	d, err := s.Keys.Deployment(ctx)
	if core.Is(err, core.CodeNotFound) {
		d, err = s.initDeployment(ctx, newDeploymentID(), checks)
	}
	if err != nil {
		return fmt.Errorf("sealing: the deployment: %w", err)
	}
	if err := verifyChecks(d.KeyChecks, checks); err != nil {
		return err
	}
	if err := s.prove(ctx, d); err != nil {
		return err
	}
	if err := s.addChecks(ctx, d.KeyChecks, checks); err != nil {
		return err
	}
	s.deployment = d.ID
	return nil
}

func (s *Service) initDeployment(ctx context.Context, id string, checks map[uint32]string) (core.Deployment, error) {
	keys, err := s.newKeys(ctx, id, core.DeploymentTenant, core.EncryptionPlatform)
	if err != nil {
		return core.Deployment{}, err
	}
	return s.Keys.InitDeployment(ctx, core.Deployment{
		ID: id, DataKeys: keys, KeyChecks: maps.Clone(checks), CreatedAt: keys[0].CreatedAt,
	})
}

// verifyChecks wants every check value that both sides know to be equal, and
// one at least to be known to both if both have any.
func verifyChecks(stored, ours map[uint32]string) error {
	if len(stored) == 0 || len(ours) == 0 {
		return nil
	}
	known := false
	for _, version := range slices.Sorted(maps.Keys(ours)) {
		check, ok := stored[version]
		if ok && check != ours[version] {
			return fmt.Errorf("%w: its version %d is another key", ErrWrongKeyring, version)
		}
		known = known || ok
	}
	if !known {
		return fmt.Errorf("%w: it has none of the versions %v", ErrWrongKeyring, slices.Sorted(maps.Keys(stored)))
	}
	return nil
}

// prove opens the deployment's keys.
func (s *Service) prove(ctx context.Context, d core.Deployment) error {
	_, index := versioned(core.IndexKeyVersion).pick(d.DataKeys)
	_, sealing := newest.pick(d.DataKeys)
	if d.ID == "" || !index || !sealing {
		return errors.New("sealing: the store's record of the deployment is not whole")
	}
	for _, w := range d.DataKeys {
		key, err := s.openStored(ctx, d.ID, core.DeploymentTenant, w, d.DataKeys)
		switch {
		case core.Is(err, core.CodeKeyUnavailable):
			return fmt.Errorf("%w: the deployment's data key %d does not unwrap: %w", ErrWrongKeyring, w.Version, err)
		case err != nil:
			return fmt.Errorf("sealing: unwrap the deployment's data key %d: %w", w.Version, err)
		}
		key.clear()
	}
	return nil
}

func (s *Service) addChecks(ctx context.Context, stored, ours map[uint32]string) error {
	added := map[uint32]string{}
	for version, check := range ours {
		if _, ok := stored[version]; !ok {
			added[version] = check
		}
	}
	if len(added) == 0 {
		return nil
	}
	if err := s.Keys.AddKeyChecks(ctx, added); err != nil {
		return fmt.Errorf("sealing: store key checks: %w", err)
	}
	return nil
}
