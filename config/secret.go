package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	secretMask     = "********"
	maxSecretBytes = 64 << 10

	maxPassphraseBytes = 1024
)

// Secret is a value that shows itself to nobody: formatted in any way, or
// encoded as text, it is a mask, or nothing when it is empty. Reveal gives it.
type Secret string

// Reveal gives the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Format writes the mask, whatever the verb.
func (s Secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.masked()) }

// MarshalText gives the mask to encoders and loggers.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.masked()), nil }

func (s Secret) masked() string {
	if s == "" {
		return ""
	}
	return secretMask
}

// readSecretFile gives a file's content without its trailing newlines. A file
// that users other than its owner and group can open is refused: the secret
// in it is none. Errors leave the path out, because what stands in the path's
// place by mistake is often the secret.
func readSecretFile(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fileError(err)
	case !info.Mode().IsRegular():
		return "", errors.New("the path does not name a file")
	case info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("the file is open to every user of the machine (mode %04o); close it with chmod o-rwx", info.Mode().Perm())
	case info.Size() > maxSecretBytes:
		return "", fmt.Errorf("the file is larger than %d bytes", maxSecretBytes)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fileError(err)
	}
	text := strings.TrimRight(string(raw), "\r\n")
	if text == "" {
		return "", errors.New("the file is empty")
	}
	return text, nil
}
