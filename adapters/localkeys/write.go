package localkeys

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// Generate makes a keyring of one master key and writes it to a new file that
// only its owner may read, protected by the passphrase unless that is "". The
// file is there whole and on the disk when Generate returns, and not there at
// all when the process dies in it; it never takes the place of another
// (fs.ErrExist), also in a race. random must be cryptographically secure.
func Generate(path, passphrase string, random io.Reader) (*Keyring, error) {
	k := &Keyring{masters: map[uint32][]byte{}}
	if err := k.grow(random); err != nil {
		return nil, err
	}
	text, err := k.file(passphrase, random)
	defer clear(text)
	if err != nil {
		return nil, err
	}
	if err := writeNew(path, text); err != nil {
		return nil, fmt.Errorf("write the keyring file: %w", err)
	}
	return k, nil
}

// AddVersion puts a new master key before those in the file, so that it becomes
// the active one, and returns the keyring as it is then. The file is replaced
// in one step by one that is on the disk: whenever the process dies, the old
// one or the new one is there, and the new one has all that the old had. Of
// concurrent calls each adds its version. random must be cryptographically
// secure.
func AddVersion(path, passphrase string, random io.Reader) (*Keyring, error) {
	return change(path, passphrase, random, func(k *Keyring) error { return k.grow(random) })
}

// DropVersion takes a master key off the file, as AddVersion adds one; the
// active one stays. What it wrapped does not open any more.
func DropVersion(path, passphrase string, version uint32, random io.Reader) (*Keyring, error) {
	return change(path, passphrase, random, func(k *Keyring) error {
		if _, ok := k.masters[version]; !ok || version == k.active {
			return fmt.Errorf("version %d is not there, or is the active one", version)
		}
		clear(k.masters[version])
		delete(k.masters, version)
		return nil
	})
}

// change replaces the file by one of the keyring that do has changed.
func change(path, passphrase string, random io.Reader, do func(*Keyring) error) (*Keyring, error) {
	path, err := filepath.EvalSymlinks(path) // the link stays what it is
	if err != nil {
		return nil, fmt.Errorf("the keyring file: %w", err)
	}
	f, err := openLocked(path)
	if err != nil {
		return nil, fmt.Errorf("the keyring file: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	k, err := load(f, path, passphrase)
	if err != nil {
		return nil, err
	}
	if err := do(k); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	text, err := k.file(passphrase, random)
	defer clear(text)
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("the keyring file %s would be larger than %d bytes", path, maxFileBytes)
	}
	if err := replace(f, path, text); err != nil {
		return nil, fmt.Errorf("write the keyring file: %w", err)
	}
	return k, nil
}

// openLocked opens the file and has it to itself. A file that was replaced
// while it was waited for is not the one that counts any more.
func openLocked(path string) (*os.File, error) {
	for {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		if err := lock(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		same, err := isStill(f, path)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if same {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

func isStill(f *os.File, path string) (bool, error) {
	ours, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return os.SameFile(ours, there), nil
}

// grow adds a random master key of the next version and makes it the active one.
func (k *Keyring) grow(random io.Reader) error {
	next := uint32(1)
	for version := range k.masters {
		if version == math.MaxUint32 {
			return errors.New("the keyring has the highest version there can be")
		}
		next = max(next, version+1)
	}
	master := make([]byte, minMasterBytes)
	if _, err := io.ReadFull(random, master); err != nil {
		return fmt.Errorf("randomness for a keyring: %w", err)
	}
	if err := k.add(next, master); err != nil {
		return fmt.Errorf("the new key %w", err)
	}
	k.active = next
	return nil
}

// file is the keyring as it stands in a file.
func (k *Keyring) file(passphrase string, random io.Reader) ([]byte, error) {
	text := k.text()
	if passphrase == "" {
		return text, nil
	}
	defer clear(text)
	return protect(text, passphrase, random)
}

// writeNew writes beside the path and links the whole file into its place,
// which fails where something is.
func writeNew(path string, content []byte) error {
	name, err := writeBeside(path, content, nil)
	if err != nil {
		return err
	}
	defer os.Remove(name) //nolint:errcheck // nothing would follow from it
	if err := os.Link(name, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// replace writes beside the path and renames the whole file into its place.
func replace(old *os.File, path string, content []byte) error {
	name, err := writeBeside(path, content, old)
	if err != nil {
		return err
	}
	if err := os.Rename(name, path); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return syncDir(filepath.Dir(path))
}

// writeBeside writes a file of mode 0600 to the disk, in the directory of the
// path, owned as like is, if that is given.
func writeBeside(path string, content []byte, like *os.File) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".keyring-*") // mode 0600
	if err != nil {
		return "", err
	}
	if like != nil {
		err = giveTo(f, like)
	}
	if err == nil {
		_, err = f.Write(content)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// syncDir makes the directory's new entry durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
