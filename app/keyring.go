package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
)

// findKeyring opens the platform keyring where it is what wraps, before a store
// is made that would be of no use without it. It finds none, nil, where one is
// made: at the first start of a server that only its own machine can reach.
func findKeyring(cfg config.Config) (*localkeys.Keyring, error) {
	if cfg.Keys.Platform.Provider != config.KeysLocal {
		return nil, nil
	}
	k, err := LoadKeyring(cfg)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return k, err
	case cfg.Loopback():
		return nil, nil
	default:
		return nil, fmt.Errorf("keys.platform.keyring_file: there is no keyring at %s; make one with raven keyring init", cfg.Keys.Platform.KeyringFile)
	}
}

// errKeyringGone says that the keyring of what is stored is not where it is looked
// for.
func errKeyringGone(cfg config.Config) error {
	return fmt.Errorf("keys.platform.keyring_file: there is no keyring at %s, and what is stored was sealed with one: "+
		"put it there from its backup, or correct the path; no other opens the data, and none is made", cfg.Keys.Platform.KeyringFile)
}

// makeKeyring is for a first start: beside a deployment's data a new keyring would
// open nothing, and look like the one that is missing.
func makeKeyring(ctx context.Context, cfg config.Config, s store, log *slog.Logger) (*localkeys.Keyring, error) {
	if _, err := s.Deployment(ctx); !core.Is(err, core.CodeNotFound) {
		if err == nil {
			err = errKeyringGone(cfg)
		}
		return nil, err
	}
	k, err := InitKeyring(cfg)
	if err != nil {
		return nil, err
	}
	log.Warn("made a platform keyring: back it up, apart from the data; without it nothing stored can be read", "path", cfg.Keys.Platform.KeyringFile)
	return k, nil
}

// ErrKeyringInline says that the keyring stands in the configuration itself,
// where no command changes it.
var ErrKeyringInline = errors.New("keys.platform.keyring holds the keyring itself, and only you can change it there: " +
	"put a new version before the others, as VERSION:KEY, where KEY is what `openssl rand -base64 32` prints")

// LoadKeyring opens the configured keyring. The error for no file is
// fs.ErrNotExist.
func LoadKeyring(cfg config.Config) (*localkeys.Keyring, error) {
	p := cfg.Keys.Platform
	if p.Keyring != "" {
		k, err := localkeys.Parse(p.Keyring.Reveal())
		if err != nil {
			return nil, fmt.Errorf("keys.platform.keyring: %w", err)
		}
		return k, nil
	}
	k, err := localkeys.LoadFile(p.KeyringFile, p.Passphrase.Reveal())
	return k, ofKeyringFile(err)
}

// InitKeyring makes the file of the configured keyring, protected by the
// passphrase if there is one. It never replaces a file: fs.ErrExist.
func InitKeyring(cfg config.Config) (*localkeys.Keyring, error) {
	p := cfg.Keys.Platform
	if p.Keyring != "" {
		return nil, ErrKeyringInline
	}
	if err := os.MkdirAll(filepath.Dir(p.KeyringFile), 0o700); err != nil {
		return nil, ofKeyringFile(err)
	}
	k, err := localkeys.Generate(p.KeyringFile, p.Passphrase.Reveal(), rand.Reader)
	return k, ofKeyringFile(err)
}

// AddKeyringVersion gives the file of the configured keyring a new version,
// which is the active one from then on.
func AddKeyringVersion(cfg config.Config) (*localkeys.Keyring, error) {
	p := cfg.Keys.Platform
	if p.Keyring != "" {
		return nil, ErrKeyringInline
	}
	k, err := localkeys.AddVersion(p.KeyringFile, p.Passphrase.Reveal(), rand.Reader)
	return k, ofKeyringFile(err)
}

// DropKeyringVersion takes a version off the file of the configured keyring, if
// no stored data key is wrapped by it.
func DropKeyringVersion(ctx context.Context, cfg config.Config, version uint32) (*localkeys.Keyring, error) {
	p := cfg.Keys.Platform
	if p.Keyring != "" {
		return nil, ErrKeyringInline
	}
	k, err := LoadKeyring(cfg)
	if err != nil {
		return nil, err
	}
	if version == k.Versions()[0] {
		return nil, fmt.Errorf("version %d stays: it is the active one", version)
	}
	counts, err := CountDataKeys(ctx, cfg, k)
	if err != nil {
		return nil, fmt.Errorf("version %d stays, because nobody can tell whether it is needed: %w", version, err)
	}
	if n := counts[version]; n > 0 {
		return nil, fmt.Errorf("version %d stays: %d stored data keys are wrapped by it; run raven keyring rewrap first", version, n)
	}
	k, err = localkeys.DropVersion(p.KeyringFile, p.Passphrase.Reveal(), version, rand.Reader)
	return k, ofKeyringFile(err)
}

func ofKeyringFile(err error) error {
	if err != nil {
		return fmt.Errorf("keys.platform.keyring_file: %w", err)
	}
	return nil
}
