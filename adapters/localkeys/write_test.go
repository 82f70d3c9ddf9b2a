package localkeys_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/raven-memory/raven/adapters/localkeys"
)

// Each of many commands that run at once adds a version of its own: none
// overwrites what another has told its operator.
func TestVersionsAddedAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	path := write(t, 0o600, "1:"+knownMaster)
	const many = 16
	checks := make([]string, many)
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			k, err := localkeys.AddVersion(path, "", rand.Reader)
			if err != nil {
				t.Error(err)
				return
			}
			checks[i] = k.Checks()[k.Versions()[0]]
		})
	}
	wg.Wait()
	k, err := localkeys.LoadFile(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(k.Versions()) != many+1 || entries(t, filepath.Dir(path)) != 1 {
		t.Errorf("versions %v, %d files", k.Versions(), entries(t, filepath.Dir(path)))
	}
	var there []string
	for _, check := range k.Checks() {
		there = append(there, check)
	}
	for _, check := range checks {
		if !slices.Contains(there, check) {
			t.Errorf("%s is gone", check)
		}
	}
}

func TestAddThatFailsLeavesTheFileAsItWas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, pass string
		random     []byte
	}{
		"no randomness":      {"1:" + knownMaster, "", nil},
		"bad randomness":     {"1:" + knownMaster, "", make([]byte, 32)},
		"the same key":       {"1:" + knownMaster, "", known()},
		"a broken keyring":   {"1:" + knownMaster + ",1:" + otherMaster, "", random()},
		"not protected":      {"1:" + knownMaster, passphrase, append(random(), random()...)},
		"a wrong passphrase": {knownProtected, passphrase, append(random(), random()...)},
		"the last version":   {"4294967295:" + knownMaster, "", random()},
	} {
		path := write(t, 0o600, c.text)
		if _, err := localkeys.AddVersion(path, c.pass, bytes.NewReader(c.random)); err == nil {
			t.Errorf("%s: added", name)
		}
		if b, _ := os.ReadFile(path); string(b) != c.text || entries(t, filepath.Dir(path)) != 1 {
			t.Errorf("%s: the file is %q, of %d", name, b, entries(t, filepath.Dir(path)))
		}
	}
	if _, err := localkeys.AddVersion(filepath.Join(t.TempDir(), "none"), "", rand.Reader); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestDroppedVersionIsGoneAndTheActiveOneStays(t *testing.T) {
	t.Parallel()
	for _, pass := range []string{"", passphrase} {
		path := filepath.Join(t.TempDir(), "keyring")
		first, err := localkeys.Generate(path, pass, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		_, wrapped, err := first.NewDataKey(t.Context(), ada, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []uint32{0, 1, 2} { // none but the active one is there
			if _, err := localkeys.DropVersion(path, pass, version, rand.Reader); err == nil {
				t.Errorf("version %d was dropped", version)
			}
		}
		if _, err := localkeys.AddVersion(path, pass, rand.Reader); err != nil {
			t.Fatal(err)
		}
		if _, err := localkeys.DropVersion(path, pass, 1, rand.Reader); err != nil {
			t.Fatal(err)
		}
		k, err := localkeys.LoadFile(path, pass)
		if err != nil || !slices.Equal(k.Versions(), []uint32{2}) {
			t.Fatalf("versions %v, %v", k, err)
		}
		if _, err := k.Unwrap(t.Context(), ada, 1, wrapped); err == nil {
			t.Error("what the dropped version wrapped opens")
		}
	}
}

func TestAddBehindALinkChangesTheFileAndNotTheLink(t *testing.T) {
	t.Parallel()
	path := write(t, 0o600, "1:"+knownMaster)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := localkeys.AddVersion(link, "", rand.Reader); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if k, err := localkeys.LoadFile(path, ""); err != nil || len(k.Versions()) != 2 {
		t.Errorf("the file: %v", err)
	}
}

func TestOrderOfTheOperatorIsKept(t *testing.T) {
	t.Parallel()
	k := parse(t, "1:"+otherMaster+",3:"+knownMaster) // back to an older version
	if v := k.Versions(); !slices.Equal(v, []uint32{1, 3}) {
		t.Errorf("versions %v", v)
	}
	path := write(t, 0o600, "1:"+otherMaster+",3:"+knownMaster)
	added, err := localkeys.AddVersion(path, "", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if v := added.Versions(); !slices.Equal(v, []uint32{4, 3, 1}) {
		t.Errorf("versions %v", v)
	}
}
