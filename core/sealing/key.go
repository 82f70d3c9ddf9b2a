package sealing

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/raven-memory/raven/core"
)

// What a tenant's index key is used for; see dataKey.derive.
const (
	indexInfo  = "raven/index/v1"
	secretInfo = "raven/secret/v1"
)

var errNoDataKey = errors.New("sealing: there is no data key")

// dataKey is an unwrapped data key. It never prints.
type dataKey struct {
	version uint32
	secret  [core.EnvelopeKeySize]byte
}

// Format implements fmt.Formatter: every verb that fits a value gives the same.
func (dataKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalText keeps the key out of encoders.
func (dataKey) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

func (k *dataKey) clear() { clear(k.secret[:]) }

// derive makes 32 bytes for one use (HKDF-SHA-256, RFC 5869). Each part of the
// info follows its length, so that no two uses meet.
func (k *dataKey) derive(use, domain string) ([]byte, error) {
	var info []byte
	for _, part := range []string{use, domain} {
		info = binary.BigEndian.AppendUint32(info, uint32(len(part))) //nolint:gosec // domains are short
		info = append(info, part...)
	}
	return hkdf.Key(sha256.New, k.secret[:], nil, string(info), sha256.Size)
}

// hash is HMAC-SHA-256 (RFC 2104) of the value under the domain's own key.
func (k *dataKey) hash(domain, value string) ([]byte, error) {
	sub, err := k.derive(indexInfo, domain)
	if err != nil {
		return nil, err
	}
	defer clear(sub)
	h := hmac.New(sha256.New, sub)
	h.Write([]byte(value))
	return h.Sum(nil), nil
}

// key gives a copy of one of the tenant's keys, for the caller to clear. Of
// callers who miss the cache, one a tenant loads and the others wait for it.
func (s *Service) key(ctx context.Context, tenant core.TenantID, want selector) (*dataKey, error) {
	if s.deployment == "" {
		return nil, errNotStarted
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		key, l, mine := s.cache.find(tenant, want)
		switch {
		case key != nil:
			return key, nil
		case !mine:
			if err := l.wait(ctx, want); err != nil {
				return nil, err
			}
		default:
			if key, err := s.lead(ctx, tenant, l); key != nil || err != nil {
				return key, err
			}
		}
	}
}

// lead runs a load. It gives neither key nor error when the tenant was
// forgotten meanwhile.
func (s *Service) lead(ctx context.Context, tenant core.TenantID, l *load) (key *dataKey, err error) {
	defer func() {
		if ctx.Err() == nil {
			l.err = err
		}
		if s.cache.finish(tenant, l, key) {
			return
		}
		if key != nil {
			key.clear()
		}
		key, err = nil, nil
	}()
	if l.set == nil {
		if l.set, err = s.fetch(ctx, tenant); err != nil {
			return nil, err
		}
	}
	w, ok := l.want.pick(l.set.wrapped)
	if !ok {
		return nil, fmt.Errorf("%w of tenant %s with that version", errNoDataKey, tenant)
	}
	return s.unwrap(ctx, tenant, w)
}

// fetch asks the store. The set's age counts from before the question.
func (s *Service) fetch(ctx context.Context, tenant core.TenantID) (*keySet, error) {
	at := s.clock.Now()
	wrapped, err := s.wrappedKeys(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return &keySet{tenant: tenant, at: at, wrapped: wrapped, keys: map[uint32]*dataKey{}}, nil
}

func (s *Service) unwrap(ctx context.Context, tenant core.TenantID, w core.WrappedKey) (*dataKey, error) {
	if w.Provider != s.wrapping.Provider() {
		return nil, fmt.Errorf("sealing: data key %d of tenant %s is wrapped by provider %q; this server has %q",
			w.Version, tenant, w.Provider, s.wrapping.Provider())
	}
	plain, err := s.wrapping.Unwrap(ctx, tenant, w.Version, w.Wrapped)
	defer clear(plain)
	if err != nil {
		return nil, err
	}
	key := &dataKey{version: w.Version}
	if copy(key.secret[:], plain) != len(plain) || len(plain) != len(key.secret) {
		return nil, fmt.Errorf("sealing: data key %d of tenant %s has %d bytes", w.Version, tenant, len(plain))
	}
	return key, nil
}
