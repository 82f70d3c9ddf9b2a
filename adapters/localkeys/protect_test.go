package localkeys_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/adapters/localkeys"
)

const passphrase = "correct horse battery staple"

// Keyrings that another implementation protected (Python's cryptography
// package): knownMaster as version 3, and the sample of the documentation.
const (
	knownPassphrase = "tr0ub4dor & three"
	knownProtected  = "raven-keyring 1\n" +
		"argon2id t=3 m=65536 p=4 salt=AAECAwQFBgcICQoLDA0ODw==\n" +
		"UlYBAQAAAAAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH0zQAOKFGhM/5hJeEvP88aSDrUjLbdGvM6oAMKGSmgfeAAECAwQFBgcICQ" +
		"oLS1k+maa2t3ydbYSSaNth+ZrJ8o+OQmCc3LnfF/0GIqV0kr+U0FC8g7s3/WZRO/YihwuauHsjUdmILbVfWtlH\n"
	sampleProtected = "raven-keyring 1\n" +
		"argon2id t=1 m=19456 p=1 salt=AQIDBAUGBwgJCgsMDQ4PEA==\n" +
		"UlYBAQAAAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fIDPbfig0/hEVKO4jdKgpVOnGcZjDeY9LVHBCYOmrtGtvAQIDBAUGBwgJCg" +
		"sM5mOQTN08dY9ZCAFzRrejbe/DO13BQt68FF/Q9T832VQ//4QzgN6ZJ5SdvjF0LG4Q/Ut2wZTqHnGSJbLf4/a4\n"
)

// protected makes a protected keyring and gives its path and its text.
func protected(t *testing.T) (path, text string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keyring")
	if _, err := localkeys.Generate(path, passphrase, rand.Reader); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(b)
}

func TestProtectedKeyringOpensByItsPassphrase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring")
	made, err := localkeys.Generate(path, passphrase, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, wrapped, err := made.NewDataKey(t.Context(), ada, 1)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := localkeys.LoadFile(path, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loaded.Unwrap(t.Context(), ada, 1, wrapped); err != nil {
		t.Error(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := localkeys.LoadFile(path, passphrase); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("open to others: %v", err)
	}
}

func TestProtectedFileHoldsNoKey(t *testing.T) {
	t.Parallel()
	random := bytes.NewReader(append(append([]byte{}, known()...), make([]byte, 64)...))
	path := filepath.Join(t.TempDir(), "keyring")
	if _, err := localkeys.Generate(path, passphrase, random); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	sealed, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(lines) != 4 || lines[3] != "" {
		t.Fatalf("the file is %q, %v", b, err)
	}
	for _, part := range [][]byte{[]byte(knownMaster[:8]), known(), []byte(passphrase), []byte(knownCheck)} {
		if bytes.Contains(b, part) || bytes.Contains(sealed, part) {
			t.Errorf("the file holds %q", part)
		}
	}
}

// known is knownMaster as bytes.
func known() []byte {
	b, _ := base64.StdEncoding.DecodeString(knownMaster)
	return b
}

func TestKeyringProtectedByAnotherImplementationOpens(t *testing.T) {
	t.Parallel()
	k, err := localkeys.LoadFile(write(t, 0o600, knownProtected), knownPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	if k.Checks()[3] != knownCheck || len(k.Checks()) != 1 {
		t.Errorf("checks %v", k.Checks())
	}
}

func TestWrongPassphraseIsOneClearError(t *testing.T) {
	t.Parallel()
	path, _ := protected(t)
	for _, wrong := range []string{"x", passphrase + " ", strings.ToUpper(passphrase), passphrase[:len(passphrase)-1]} {
		_, err := localkeys.LoadFile(path, wrong)
		if !errors.Is(err, localkeys.ErrPassphrase) || strings.Contains(err.Error(), wrong+" ") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := localkeys.LoadFile(path, ""); !errors.Is(err, localkeys.ErrPassphraseMissing) {
		t.Errorf("no passphrase: %v", err)
	}
	if _, err := localkeys.LoadFile(write(t, 0o600, "1:"+knownMaster), passphrase); !errors.Is(err, localkeys.ErrNotProtected) {
		t.Errorf("a passphrase for a plain file: %v", err)
	}
}

func TestShortPassphraseProtectsNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyring")
	for _, short := range []string{"x", "elevenchars", strings.Repeat("ä", localkeys.MinPassphrase-1)} {
		if _, err := localkeys.Generate(path, short, rand.Reader); err == nil || strings.Contains(err.Error(), short+" ") {
			t.Errorf("%q: %v", short, err)
		}
	}
	if n := entries(t, filepath.Dir(path)); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

func TestChangedProtectedKeyringDoesNotOpen(t *testing.T) {
	t.Parallel()
	_, text := protected(t)
	lines := strings.SplitAfter(text, "\n")
	sealed, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(lines[2]))
	for _, at := range []int{0, 3, 7, 8, 39, 40, 71, 72, 90, len(sealed) - 1} {
		changed := bytes.Clone(sealed)
		changed[at] ^= 1
		body := base64.StdEncoding.EncodeToString(changed)
		if _, err := localkeys.LoadFile(write(t, 0o600, lines[0]+lines[1]+body+"\n"), passphrase); !errors.Is(err, localkeys.ErrPassphrase) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	salt := strings.Replace(lines[1], "salt=", "salt=AAAA", 1)
	salt = salt[:strings.Index(salt, "AAAA")+4] + lines[1][strings.Index(lines[1], "salt=")+9:]
	cheaper := strings.Replace(lines[1], "t=3", "t=2", 1)
	for what, changed := range map[string]string{
		"another salt": lines[0] + salt + lines[2],
		"another cost": lines[0] + cheaper + lines[2],
		"a cut body":   lines[0] + lines[1] + lines[2][:40] + "\n",
	} {
		if _, err := localkeys.LoadFile(write(t, 0o600, changed), passphrase); !errors.Is(err, localkeys.ErrPassphrase) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What a hostile file asks for is refused before anything is computed: each of
// these would take gigabytes, minutes, or bring down the process.
func TestHostileCostIsRefusedBeforeItIsPaid(t *testing.T) {
	t.Parallel()
	const salt = " salt=AAAAAAAAAAAAAAAAAAAAAA=="
	for _, line := range []string{
		"argon2id t=3 m=4294967295 p=4" + salt,
		"argon2id t=3 m=524289 p=4" + salt,
		"argon2id t=4294967295 m=65536 p=4" + salt,
		"argon2id t=21 m=65536 p=4" + salt,
		"argon2id t=3 m=65536 p=255" + salt,
		"argon2id t=3 m=65536 p=256" + salt,
		"argon2id t=3 m=65536 p=0" + salt,
		"argon2id t=0 m=65536 p=4" + salt,
		"argon2id t=3 m=8 p=4" + salt,
		"argon2id t=3 m=18446744073709551616 p=4" + salt,
		"argon2id t=-1 m=65536 p=4" + salt,
		"argon2id t=+3 m=65536 p=4" + salt,
		"argon2id m=65536 t=3 p=4" + salt,
		"argon2i t=3 m=65536 p=4" + salt,
		"argon2id t=3 m=65536 p=4 salt=AAAA",
		"argon2id t=3 m=65536 p=4 salt=" + strings.Repeat("A", 4096),
		"argon2id t=3 m=65536 p=4",
		"",
	} {
		text := fmt.Sprintf("raven-keyring 1\n%s\nAAAA\n", line)
		k, err := localkeys.LoadFile(write(t, 0o600, text), passphrase)
		if err == nil || k != nil || errors.Is(err, localkeys.ErrPassphrase) {
			t.Errorf("%q: %v", line, err)
		}
	}
	for _, text := range []string{"raven-keyring 2\n", "raven-keyring 1", "raven-keyring 1\n", "raven-keyring \n\n\n", "raven-keyring 11\nx\ny\n"} {
		if _, err := localkeys.LoadFile(write(t, 0o600, text), passphrase); err == nil || errors.Is(err, localkeys.ErrPassphrase) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWeakKeyringInAProtectedFileIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := localkeys.LoadFile(write(t, 0o600, sampleProtected), knownPassphrase); err == nil || !strings.Contains(err.Error(), "is the sample") {
		t.Errorf("got %v", err)
	}
}

func TestAddedVersionIsActiveAndOlderOnesStay(t *testing.T) {
	t.Parallel()
	for _, pass := range []string{"", passphrase} {
		path := filepath.Join(t.TempDir(), "keyring")
		first, err := localkeys.Generate(path, pass, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		plain, wrapped, err := first.NewDataKey(t.Context(), ada, 1)
		if err != nil {
			t.Fatal(err)
		}
		for want := uint32(2); want <= 3; want++ {
			added, err := localkeys.AddVersion(path, pass, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := localkeys.LoadFile(path, pass)
			if err != nil {
				t.Fatal(err)
			}
			if v := loaded.Versions(); v[0] != want || len(v) != int(want) || !maps.Equal(added.Checks(), loaded.Checks()) {
				t.Errorf("versions %v", v)
			}
			if got, err := loaded.Unwrap(t.Context(), ada, 1, wrapped); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("a key from before: %v", err)
			}
			again, err := loaded.Rewrap(t.Context(), ada, 1, wrapped)
			if err != nil || loaded.WrappedBy(again) != want {
				t.Errorf("rewrapped by %d, %v", loaded.WrappedBy(again), err)
			}
		}
		if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 || entries(t, filepath.Dir(path)) != 1 {
			t.Errorf("mode %v, %v, %d files", info.Mode(), err, entries(t, filepath.Dir(path)))
		}
	}
}
