package localkeys

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// SampleKeyring is the keyring that documentation shows. Parse refuses it.
const SampleKeyring = "1:cmF2ZW4tc2FtcGxlLWtleS1kby1ub3QtdXNlLTEyMzQ="

const sampleMaster = "raven-sample-key-do-not-use-1234"

const (
	minMasterBytes = 32
	maxMasterBytes = 1024
)

// Parse reads a keyring: VERSION:KEY, separated by commas, the active one
// first. Versions are 1 to 4294967295 and differ, as the keys do; a key is
// standard base64 of 32 random bytes or more. White space around an entry does
// not count. What Parse refuses, its error does not repeat.
func Parse(text string) (*Keyring, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the keyring is empty; it needs VERSION:KEY, where KEY is what `openssl rand -base64 32` prints")
	}
	k := &Keyring{masters: map[uint32][]byte{}}
	for i, entry := range strings.Split(text, ",") {
		version, master, err := parseEntry(strings.TrimSpace(entry))
		if err == nil {
			err = k.add(version, master)
		}
		if err != nil {
			return nil, fmt.Errorf("the keyring's entry %d %w", i+1, err)
		}
		if i == 0 {
			k.active = version
		}
	}
	return k, nil
}

// text is the keyring as Parse reads it, a version a line.
func (k *Keyring) text() []byte {
	size := 0
	for _, master := range k.masters {
		size += base64.StdEncoding.EncodedLen(len(master)) + len(",\n4294967295:")
	}
	out := make([]byte, 0, size) // so that no copy is left behind when it grows
	for i, version := range k.Versions() {
		if i > 0 {
			out = append(out, ",\n"...)
		}
		out = strconv.AppendUint(out, uint64(version), 10)
		out = append(out, ':')
		out = base64.StdEncoding.AppendEncode(out, k.masters[version])
	}
	return append(out, '\n')
}

func parseEntry(entry string) (version uint32, master []byte, err error) {
	number, key, ok := strings.Cut(entry, ":")
	n, bad := strconv.ParseUint(number, 10, 32)
	if !ok || bad != nil || n == 0 {
		return 0, nil, errors.New("does not start with a version, 1 or more, and a colon")
	}
	master, bad = base64.StdEncoding.Strict().DecodeString(key)
	if bad != nil {
		return 0, nil, fmt.Errorf("(version %d) is not standard base64 with padding", n)
	}
	return uint32(n), master, nil
}

func (k *Keyring) add(version uint32, master []byte) error {
	if why := weakness(master); why != "" {
		return fmt.Errorf("(version %d) %s; make one with `openssl rand -base64 32`", version, why)
	}
	if _, ok := k.masters[version]; ok {
		return fmt.Errorf("has version %d, which is there already", version)
	}
	for other, m := range k.masters {
		if bytes.Equal(m, master) {
			return fmt.Errorf("(version %d) is the same key as version %d", version, other)
		}
	}
	k.masters[version] = master
	return nil
}

// weakness says why a master key can't have been drawn at random, or "".
func weakness(master []byte) string {
	switch {
	case len(master) < minMasterBytes:
		return fmt.Sprintf("is shorter than %d bytes", minMasterBytes)
	case len(master) > maxMasterBytes:
		return fmt.Sprintf("is longer than %d bytes", maxMasterBytes)
	case string(master) == sampleMaster:
		return "is the sample of the documentation"
	case repeats(master), counts(master):
		return "is not random: it follows a pattern"
	}
	return ""
}

// repeats finds keys that are one piece over and over, a single byte included.
func repeats(b []byte) bool {
	for piece := 1; piece <= len(b)/2; piece++ {
		if bytes.Equal(b[piece:], b[:len(b)-piece]) {
			return true
		}
	}
	return false
}

// counts finds keys such as 00 01 02 …, whose bytes are all one step apart.
func counts(b []byte) bool {
	step := b[1] - b[0]
	for i := 1; i < len(b); i++ {
		if b[i]-b[i-1] != step {
			return false
		}
	}
	return true
}
