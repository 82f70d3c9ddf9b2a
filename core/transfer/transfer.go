// Package transfer moves all that one store holds into another: tenant by
// tenant, sealed as it is, and read back and compared before the next.
package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Store is every store port that a transfer needs, on either side.
type Store interface {
	ports.Tenants
	ports.APIKeys
	ports.Users
	ports.Conversations
	ports.Memories
	ports.Changes
	ports.DataKeys
	ports.KeyRotation
	ports.Outbox
	ports.Exporter
	ports.Importer
}

// How much is read in one step.
const (
	tenantPage = 100
	listPage   = 200
	blobPage   = 50
	eventPage  = 1000
)

// Progress says how far a transfer has come.
type Progress struct {
	Tenant  core.TenantID
	Tenants int  // done, this one not counted
	Users   int  // of this tenant, done
	Skipped bool // the tenant was there already, and is the same
}

// Result sums up a transfer.
type Result struct {
	Tenants       int64 `json:"tenants"`
	Skipped       int64 `json:"skipped"` // of the tenants: they were there already
	Users         int64 `json:"users"`
	Conversations int64 `json:"conversations"`
	Interactions  int64 `json:"interactions"`
	Blobs         int64 `json:"blobs"`
}

// Run moves everything from one store to another, which must be empty or hold
// part of the same deployment: what is there already is compared and left. Run
// again after a crash, it goes on. Nothing may write to either store meanwhile.
func Run(ctx context.Context, from, to Store, report func(Progress)) (Result, error) {
	m := mover{from: from, to: to, report: report}
	if err := m.deployment(ctx); err != nil {
		return m.result, err
	}
	var after core.TenantID
	for {
		ids, err := from.TenantIDs(ctx, after, tenantPage)
		if err != nil || len(ids) == 0 {
			return m.result, err
		}
		for _, id := range ids {
			if err := m.tenant(ctx, id); err != nil {
				return m.result, fmt.Errorf("tenant %s: %w", id, err)
			}
		}
		after = ids[len(ids)-1]
	}
}

type mover struct {
	from, to Store
	report   func(Progress)
	result   Result
}

// deployment moves what makes the deployment itself.
func (m *mover) deployment(ctx context.Context) error {
	d, err := m.from.Deployment(ctx)
	if err != nil {
		return fmt.Errorf("the deployment to move: %w", err)
	}
	there, err := m.to.InitDeployment(ctx, d)
	if err != nil {
		return fmt.Errorf("the store to move to: %w", err)
	}
	if there.ID != d.ID {
		return fmt.Errorf("the store to move to holds another deployment, %s", there.ID)
	}
	return m.to.AddKeyChecks(ctx, d.KeyChecks)
}

func (m *mover) tenant(ctx context.Context, id core.TenantID) error {
	progress := Progress{Tenant: id, Tenants: int(m.result.Tenants)}
	image, err := readTenant(ctx, m.from, id)
	if err != nil {
		return err
	}
	_, err = m.to.Tenant(ctx, id)
	switch {
	case err == nil:
		progress.Skipped = true
		m.result.Skipped++
	case core.Is(err, core.CodeNotFound):
		if err := m.to.BeginTenant(ctx, id); err != nil {
			return err
		}
	default:
		return err
	}
	if err := m.users(ctx, progress); err != nil {
		return err
	}
	if !progress.Skipped {
		if err := m.to.FinishTenant(ctx, image); err != nil {
			return err
		}
	}
	m.result.Tenants++
	return m.verify(ctx, id)
}

// users moves the users of a tenant, unless it is there already.
func (m *mover) users(ctx context.Context, p Progress) error {
	return eachUser(ctx, m.from, p.Tenant, func(record core.UserRecord) error {
		m.report(p)
		p.Users++
		if p.Skipped {
			return nil
		}
		u, err := readUser(ctx, m.from, p.Tenant, record)
		if err != nil {
			return err
		}
		m.result.Users++
		m.result.Conversations += int64(len(u.Conversations))
		m.result.Blobs += int64(len(u.Blobs))
		for _, c := range u.Conversations {
			m.result.Interactions += c.Interactions
		}
		return m.to.ImportUser(ctx, p.Tenant, u)
	})
}

// verify reads a tenant from both stores and compares every byte.
func (m *mover) verify(ctx context.Context, id core.TenantID) error {
	was, err := digest(ctx, m.from, id)
	if err != nil {
		return err
	}
	is, err := digest(ctx, m.to, id)
	if err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	if was != is {
		return fmt.Errorf("what was read back is not what was written")
	}
	return nil
}

// digest hashes all of a tenant, without the numbers that are a store's own.
func digest(ctx context.Context, s Store, id core.TenantID) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	add := json.NewEncoder(h)
	t, err := readTenant(ctx, s, id)
	if err != nil {
		return sum, err
	}
	for i := range t.APIKeys {
		t.APIKeys[i].Position = 0
	}
	usage, err := s.Usage(ctx, id)
	if err != nil {
		return sum, err
	}
	if err := add.Encode([]any{t, usage}); err != nil {
		return sum, err
	}
	err = eachUser(ctx, s, id, func(record core.UserRecord) error {
		u, err := readUser(ctx, s, id, record)
		if err != nil {
			return err
		}
		return add.Encode(placeless(u))
	})
	return [sha256.Size]byte(h.Sum(nil)), err
}

func placeless(u core.UserImage) core.UserImage {
	u.Record.Position = 0
	for i := range u.Conversations {
		u.Conversations[i].Position = 0
	}
	for i := range u.Buffer {
		u.Buffer[i].Position = 0
	}
	for i := range u.Blobs {
		u.Blobs[i].Position = 0
	}
	return u
}
