package localkeys

import (
	"fmt"
	"io"
	"os"
)

// maxFileBytes bounds a keyring file; one of a hundred versions is far below.
const maxFileBytes = 64 << 10

// LoadFile reads the keyring in a file that only its owner may read. The
// passphrase opens a protected one; it is "" for one that is not. The error for
// no file is fs.ErrNotExist; for the rest see ErrPassphrase, ErrPassphraseMissing
// and ErrNotProtected.
func LoadFile(path, passphrase string) (*Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the keyring file: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	return load(f, path, passphrase)
}

func load(f *os.File, path, passphrase string) (*Keyring, error) {
	text, err := read(f, path)
	defer clear(text)
	if err != nil {
		return nil, err
	}
	k, err := open(text, passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// read gives what is in the file. The opened file is looked at, not the path,
// which may be another by then.
func read(f *os.File, path string) ([]byte, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("the keyring file: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the keyring file %s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("the keyring file %s is open to others (mode %04o); run chmod 600 on it", path, info.Mode().Perm())
	case info.Size() > maxFileBytes:
		return nil, fmt.Errorf("the keyring file %s is larger than %d bytes", path, maxFileBytes)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes))
	if err != nil {
		return text, fmt.Errorf("the keyring file: %w", err)
	}
	return text, nil
}

func open(text []byte, passphrase string) (*Keyring, error) {
	switch protected := isProtected(string(text)); {
	case protected:
		plain, err := unprotect(string(text), passphrase)
		defer clear(plain)
		if err != nil {
			return nil, err
		}
		return Parse(string(plain))
	case passphrase != "":
		return nil, ErrNotProtected
	default:
		return Parse(string(text))
	}
}
