package sealing

import (
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
	replayInfo = "raven/replay/v1"
)

var errNoDataKey = errors.New("sealing: there is no data key")

// dataKey is an unwrapped data key. It never prints.
type dataKey struct {
	version uint32
	own     bool // wrapped by the tenant's own key
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

// newDataKey takes a key's 32 bytes over from a provider.
func newDataKey(tenant core.TenantID, version uint32, plain []byte, own bool) (*dataKey, error) {
	key := &dataKey{version: version, own: own}
	if copy(key.secret[:], plain) != len(plain) || len(plain) != len(key.secret) {
		return nil, fmt.Errorf("sealing: data key %d of tenant %s has %d bytes", version, tenant, len(plain))
	}
	return key, nil
}
