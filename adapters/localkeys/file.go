package localkeys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxFileBytes bounds a keyring file; one of a hundred versions is far below.
const maxFileBytes = 64 << 10

// LoadFile reads the keyring in a file that only its owner may read. The error
// for no file is fs.ErrNotExist.
func LoadFile(path string) (*Keyring, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the keyring file: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	// The opened file is looked at, not the path, which may be another by then.
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
	defer clear(text)
	if err != nil {
		return nil, fmt.Errorf("the keyring file: %w", err)
	}
	k, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// Generate makes a keyring of one master key and writes it to a new file that
// only its owner may read. The file is there whole and on the disk when
// Generate returns, and not there at all when the process dies in it; it
// never takes the place of another (fs.ErrExist), also in a race. random must
// be cryptographically secure.
func Generate(path string, random io.Reader) (*Keyring, error) {
	master := make([]byte, minMasterBytes)
	if _, err := io.ReadFull(random, master); err != nil {
		return nil, fmt.Errorf("randomness for a keyring: %w", err)
	}
	text := "1:" + base64.StdEncoding.EncodeToString(master)
	k, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if err := writeNew(path, []byte(text+"\n")); err != nil {
		return nil, fmt.Errorf("write the keyring file: %w", err)
	}
	return k, nil
}

// writeNew writes beside the path and links the whole file into its place,
// which fails where something is.
func writeNew(path string, content []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".keyring-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // nothing would follow from it
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the directory's new entry durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
