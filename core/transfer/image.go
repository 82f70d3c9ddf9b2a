package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/raven-memory/raven/core"
)

// ReadTenant reads all of a tenant but its users. CodeNotFound.
func ReadTenant(ctx context.Context, s Store, id core.TenantID) (core.TenantImage, error) {
	return readTenant(ctx, s, id)
}

// EachUser visits the tenant's users, by Position.
func EachUser(ctx context.Context, s Store, tenant core.TenantID, visit func(core.UserRecord) error) error {
	return eachUser(ctx, s, tenant, visit)
}

// ReadUser reads all of a user. CodeNotFound.
func ReadUser(ctx context.Context, s Store, tenant core.TenantID, record core.UserRecord) (core.UserImage, error) {
	return readUser(ctx, s, tenant, record)
}

// Digest sums up images without the numbers that are a store's own. The zero
// value sums up nothing yet.
type Digest struct{ sum [sha256.Size]byte }

// AddTenant adds a tenant's image, whose Positions do not count.
func (d *Digest) AddTenant(t core.TenantImage) error {
	t.Positions = nil
	t.APIKeys = append([]core.KeyRecord(nil), t.APIKeys...)
	for i := range t.APIKeys {
		t.APIKeys[i].Position = 0
	}
	return d.add(t)
}

// AddUser adds a user's image. It takes the Positions out of the image's lists.
func (d *Digest) AddUser(u core.UserImage) error { return d.add(placeless(u)) }

func (d *Digest) add(image any) error {
	text, err := json.Marshal(image)
	if err != nil {
		return err
	}
	h := sha256.New()
	h.Write(d.sum[:])
	h.Write(text)
	d.sum = [sha256.Size]byte(h.Sum(nil))
	return nil
}
