package keys

import (
	"crypto/sha256"
	"hash/crc32"
	"io"
	"strings"

	"github.com/raven-memory/raven/core"
)

// An API key reads rk_<environment>_<8 characters>_<43 characters><6 characters>:
// a public part by which people tell keys apart, a secret of 43 base62
// characters (256 bits), and the CRC-32 (IEEE) of everything before it in
// base62, so that a typo or a scanner's find is told from a key offline. The
// checksum proves nothing: every key is looked up.
const (
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	prefixLive  = "rk_live_"
	prefixTest  = "rk_test_"
	publicLen   = 8
	secretLen   = 43
	checksumLen = 6
	tokenLen    = len(prefixLive) + publicLen + 1 + secretLen + checksumLen
)

// newToken makes a key and the prefix that lists show of it.
func newToken(random io.Reader, env core.Environment) (token, prefix string, err error) {
	prefix = prefixLive
	if env == core.EnvironmentTest {
		prefix = prefixTest
	}
	body, err := randomBase62(random, publicLen+secretLen)
	if err != nil {
		return "", "", err
	}
	prefix += body[:publicLen]
	token = prefix + "_" + body[publicLen:]
	return token + checksum(token), prefix, nil
}

// wellFormed reports whether the text has the shape and checksum of a key.
func wellFormed(token string) bool {
	if len(token) != tokenLen || !strings.HasPrefix(token, prefixLive) && !strings.HasPrefix(token, prefixTest) {
		return false
	}
	public, rest := token[len(prefixLive):][:publicLen], token[len(prefixLive)+publicLen:]
	return isBase62(public) && rest[0] == '_' && isBase62(rest[1:]) &&
		token[tokenLen-checksumLen:] == checksum(token[:tokenLen-checksumLen])
}

// hash is the form in which a key is stored and looked up. A plain SHA-256 is
// right for a uniform secret of 256 bits, which no one can enumerate.
func hash(token string) core.KeyHash { return sha256.Sum256([]byte(token)) }

func checksum(s string) string {
	var out [checksumLen]byte
	sum := crc32.ChecksumIEEE([]byte(s))
	for i := checksumLen - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}

func isBase62(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return true
}

// randomBase62 samples by rejection: taking a byte modulo 62 would favour the
// first characters.
func randomBase62(random io.Reader, n int) (string, error) {
	const unbiased = 256 - 256%62
	out := make([]byte, 0, n)
	buf := make([]byte, 64)
	for len(out) < n {
		if _, err := io.ReadFull(random, buf); err != nil {
			return "", err
		}
		for _, b := range buf {
			if b < unbiased && len(out) < n {
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out), nil
}
