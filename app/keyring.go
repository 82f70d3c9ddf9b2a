package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/raven-memory/raven/adapters/localkeys"
	"github.com/raven-memory/raven/config"
)

// openKeyring opens the platform keyring, or makes one at the first start of a
// server that only its own machine can reach.
func openKeyring(cfg config.Config, log *slog.Logger) (*localkeys.Keyring, error) {
	if text := cfg.Keys.Platform.Keyring; text != "" {
		k, err := localkeys.Parse(text.Reveal())
		if err != nil {
			return nil, fmt.Errorf("keys.platform.keyring: %w", err)
		}
		return k, nil
	}
	path := cfg.Keys.Platform.KeyringFile
	k, err := localkeys.LoadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, fmt.Errorf("keys.platform.keyring_file: %w", err)
		}
		return k, nil
	}
	if !cfg.Loopback() {
		return nil, fmt.Errorf("keys.platform.keyring_file: there is no keyring at %s", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("keys.platform.keyring_file: %w", err)
	}
	k, err = localkeys.Generate(path, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("keys.platform.keyring_file: %w", err)
	}
	log.Warn("made a platform keyring: back it up, apart from the data; without it nothing stored can be read", "path", path)
	return k, nil
}
