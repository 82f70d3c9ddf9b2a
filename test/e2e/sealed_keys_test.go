package e2e

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	bytesof "encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// openedKey is a data key, opened by who wrapped it.
type openedKey struct {
	owner  core.TenantID
	what   string
	secret []byte
}

// wrappedKeys is what of a store lists data keys.
type wrappedKeys interface {
	TenantIDs(ctx context.Context, after core.TenantID, limit int) ([]core.TenantID, error)
	DataKeys(ctx context.Context, tenant core.TenantID) ([]core.WrappedKey, error)
	Deployment(ctx context.Context) (core.Deployment, error)
}

// keychain is everything that opens anything in a deployment.
type keychain struct {
	deployment string
	keys       []openedKey
	wrapped    map[core.TenantID][]core.WrappedKey
	holders    map[string]ports.WrappingKeys // by provider
}

// keysIn opens all data keys of a store, as whoever has the keyring and may use
// every key in Vault could.
func keysIn(t *testing.T, store wrappedKeys, dataDir string, own ports.WrappingKeys) *keychain {
	t.Helper()
	ring, err := localkeys.LoadFile(filepath.Join(dataDir, "platform.keyring"), "")
	if err != nil {
		t.Fatal(err)
	}
	d, err := store.Deployment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k := &keychain{
		deployment: d.ID, wrapped: map[core.TenantID][]core.WrappedKey{core.DeploymentTenant: d.DataKeys},
		holders: map[string]ports.WrappingKeys{ring.Provider(): ring},
	}
	if own != nil {
		k.holders[own.Provider()] = own
	}
	ids, err := store.TenantIDs(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if k.wrapped[id], err = store.DataKeys(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for id, list := range k.wrapped {
		k.open(t, id, list)
	}
	return k
}

// open adds an owner's keys: those that seal, that for look-ups, and what is
// derived from it for answers that are kept.
func (k *keychain) open(t *testing.T, owner core.TenantID, list []core.WrappedKey) {
	t.Helper()
	sealing := map[uint32][]byte{}
	for _, w := range list {
		if w.Provider == core.ProviderDataKey {
			continue
		}
		plain, err := k.holders[w.Provider].Unwrap(t.Context(), owner, w.Version, w.Wrapped)
		if err != nil {
			t.Fatalf("data key %d of %s: %v", w.Version, owner, err)
		}
		sealing[w.Version] = plain
		k.keys = append(k.keys, openedKey{owner, fmt.Sprint("data key ", w.Version), plain})
	}
	for _, w := range list {
		if w.Provider != core.ProviderDataKey {
			continue
		}
		version, _ := core.EnvelopeKeyVersion(w.Wrapped)
		place := core.Place{Tenant: owner, Kind: core.KindDataKey, Record: "0", Version: 1}
		index, err := core.OpenEnvelope(sealing[version], k.deployment, place, w.Wrapped)
		if err != nil {
			t.Fatalf("the index key of %s: %v", owner, err)
		}
		k.keys = append(k.keys, openedKey{owner, "index key", index}, openedKey{owner, "replay key", replayKey(t, index)})
	}
}

// replayKey derives, from a tenant's index key, what its kept answers are sealed
// under (HKDF-SHA-256).
func replayKey(t *testing.T, index []byte) []byte {
	t.Helper()
	var info []byte
	for _, part := range []string{"raven/replay/v1", ""} {
		info = bytesof.BigEndian.AppendUint32(info, uint32(len(part)))
		info = append(info, part...)
	}
	key, err := hkdf.Key(sha256.New, index, nil, string(info), sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// unwrapElsewhere asks every holder of keys to open every wrapped data key for
// every other owner, and as every other version of its own. It gives how often.
func (k *keychain) unwrapElsewhere(t *testing.T) (tries int) {
	t.Helper()
	for owner, list := range k.wrapped {
		for _, w := range list {
			for other := range k.wrapped {
				for version := range uint32(4) {
					for name, holder := range k.holders {
						if other == owner && version == w.Version && name == w.Provider {
							continue
						}
						tries++
						if _, err := holder.Unwrap(t.Context(), other, version, w.Wrapped); err == nil {
							t.Errorf("%s opens data key %d of %s for %s as version %d", name, w.Version, owner, other, version)
						}
					}
				}
			}
		}
	}
	return tries
}
