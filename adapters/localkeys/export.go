package localkeys

import (
	"fmt"
	"io"
)

// Text is the keyring itself, as Parse reads it: for who keeps a copy sealed.
func (k *Keyring) Text() []byte { return k.text() }

// WriteNew writes the keyring to a new file, as Generate does with a keyring
// that it makes.
func (k *Keyring) WriteNew(path, passphrase string, random io.Reader) error {
	text, err := k.file(passphrase, random)
	defer clear(text)
	if err != nil {
		return err
	}
	if err := writeNew(path, text); err != nil {
		return fmt.Errorf("write the keyring file: %w", err)
	}
	return nil
}
