package localkeys

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/raven-memory/raven/core"
)

// A protected keyring is three lines:
//
//	raven-keyring 1
//	argon2id t=3 m=65536 p=4 salt=BASE64
//	BASE64
//
// The last is the keyring's text in an envelope (core.SealEnvelope), whose key
// is argon2id (RFC 9106) of the passphrase. The two lines before it are
// authenticated with it.
const (
	protectedMagic = "raven-keyring "
	protectedFirst = protectedMagic + "1"
	saltBytes      = 16
)

// kindKeyring is what an envelope with a keyring holds.
const kindKeyring core.Kind = "keyring"

// MinPassphrase is the least a passphrase may have that protects a new keyring,
// in characters.
const MinPassphrase = 12

// cost is what argon2id takes: passes, memory in KiB, and lanes.
type cost struct {
	passes, memory uint32
	lanes          uint8
}

// The cost of new files is the second that RFC 9106 recommends. A file that
// asks for less was not made here; one that asks for more could be made to
// exhaust the machine.
var (
	newCost = cost{passes: 3, memory: 64 << 10, lanes: 4}
	minCost = cost{passes: 1, memory: 19 << 10, lanes: 1}
	maxCost = cost{passes: 20, memory: 512 << 10, lanes: 16}
)

// ErrPassphraseMissing says that a keyring is protected by a passphrase and
// none was given.
var ErrPassphraseMissing = errors.New("the keyring is protected by a passphrase; give it as keys.platform.passphrase")

// ErrNotProtected says that a passphrase was given for a keyring that has none.
var ErrNotProtected = errors.New("the keyring is not protected by a passphrase, though keys.platform.passphrase is set")

// ErrPassphrase says that a protected keyring does not open. It never says
// whether the passphrase is wrong or the file was changed: nobody can tell.
var ErrPassphrase = errors.New("the keyring does not open: the passphrase is wrong, or the file was changed")

func isProtected(text string) bool { return strings.HasPrefix(text, protectedMagic) }

// protect gives the text of a protected keyring. random must be
// cryptographically secure.
func protect(text []byte, passphrase string, random io.Reader) ([]byte, error) {
	if n := utf8.RuneCountInString(passphrase); n < MinPassphrase {
		return nil, fmt.Errorf("the passphrase has %d characters; it needs %d or more", n, MinPassphrase)
	}
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(random, salt); err != nil {
		return nil, fmt.Errorf("randomness for a keyring: %w", err)
	}
	header := fmt.Sprintf("%s\nargon2id t=%d m=%d p=%d salt=%s\n", protectedFirst,
		newCost.passes, newCost.memory, newCost.lanes, base64.StdEncoding.EncodeToString(salt))
	key := newCost.key(passphrase, salt)
	defer clear(key)
	sealed, err := core.SealEnvelope(rand.Reader, key, 0, "", protectedPlace(header), text)
	if err != nil {
		return nil, err
	}
	return []byte(header + base64.StdEncoding.EncodeToString(sealed) + "\n"), nil
}

// unprotect opens a protected keyring.
func unprotect(text, passphrase string) ([]byte, error) {
	if passphrase == "" {
		return nil, ErrPassphraseMissing
	}
	c, salt, header, body, err := readProtected(text)
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, ErrPassphrase
	}
	key := c.key(passphrase, salt)
	defer clear(key)
	plain, err := core.OpenEnvelope(key, "", protectedPlace(header), sealed)
	if err != nil {
		return nil, ErrPassphrase
	}
	return plain, nil
}

func protectedPlace(header string) core.Place {
	return core.Place{Tenant: core.DeploymentTenant, Kind: kindKeyring, Record: header}
}

func (c cost) key(passphrase string, salt []byte) []byte {
	return argon2.IDKey([]byte(passphrase), salt, c.passes, c.memory, c.lanes, core.EnvelopeKeySize)
}

// readProtected takes a protected keyring apart. It refuses a cost out of
// bounds before anything is computed.
func readProtected(text string) (c cost, salt []byte, header, body string, err error) {
	first, rest, _ := strings.Cut(text, "\n")
	if first != protectedFirst {
		return c, nil, "", "", errors.New("the keyring is of a form that this version does not know")
	}
	second, body, ok := strings.Cut(rest, "\n")
	if !ok {
		return c, nil, "", "", errors.New("the protected keyring is not whole")
	}
	c, salt, err = parseCost(second)
	return c, salt, first + "\n" + second + "\n", strings.TrimSuffix(body, "\n"), err
}

func parseCost(line string) (c cost, salt []byte, err error) {
	words := strings.Split(line, " ")
	if len(words) != 5 || words[0] != "argon2id" {
		return c, nil, errors.New("the protected keyring's second line is not `argon2id t=… m=… p=… salt=…`")
	}
	passes, tOK := bounded(words[1], "t=", minCost.passes, maxCost.passes)
	memory, mOK := bounded(words[2], "m=", minCost.memory, maxCost.memory)
	lanes, pOK := bounded(words[3], "p=", uint32(minCost.lanes), uint32(maxCost.lanes))
	if !tOK || !mOK || !pOK {
		return c, nil, fmt.Errorf("the protected keyring's cost is out of bounds: t %d to %d, m %d to %d, p %d to %d",
			minCost.passes, maxCost.passes, minCost.memory, maxCost.memory, minCost.lanes, maxCost.lanes)
	}
	text, ok := strings.CutPrefix(words[4], "salt=")
	salt, bad := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || bad != nil || len(salt) != saltBytes {
		return c, nil, fmt.Errorf("the protected keyring's salt is not %d bytes of base64", saltBytes)
	}
	return cost{passes: passes, memory: memory, lanes: uint8(lanes)}, salt, nil //nolint:gosec // at most maxCost.lanes
}

func bounded(word, prefix string, least, most uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(word, prefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil && n >= uint64(least) && n <= uint64(most)
}
