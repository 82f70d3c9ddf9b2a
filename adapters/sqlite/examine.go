package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/raven-memory/raven/core"
)

// Examine looks at the store in dir: its files, its schema, and whether every
// page of the database is whole, which reads all of it. It changes nothing, and
// may be run beside a server.
func Examine(ctx context.Context, dir string) (found core.Findings) {
	path := filepath.Join(dir, databaseFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		found.OK("store: database", "there is none yet; the first start makes it")
		return found
	}
	examineModes(path, &found)
	s := &Store{}
	if err := s.openReaders(ctx, path, 1); err != nil {
		_ = s.release()
		found.Fail("store: integrity", err.Error(), "see that this user may read "+path+" and what is beside it; restore a backup if it is damaged")
		return found
	}
	defer s.release() //nolint:errcheck // nothing was written
	s.examine(ctx, &found)
	return found
}

// examineModes finds files that others may read.
func examineModes(path string, found *core.Findings) {
	var open []string
	for _, file := range []string{path, path + "-wal", path + "-shm", filepath.Join(filepath.Dir(path), lockFile)} {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
			open = append(open, fmt.Sprintf("%s (%04o)", file, info.Mode().Perm()))
		}
	}
	if len(open) > 0 {
		found.Fail("store: file modes", "others may read "+strings.Join(open, ", "), "chmod 600 them; a start of raven does so too")
		return
	}
	found.OK("store: file modes", "only the owner may read the database")
}

func (s *Store) examine(ctx context.Context, found *core.Findings) {
	text := func(pragma string) (string, error) {
		return look(ctx, s, func(q session) (string, error) { return one(q, itself[string], pragma) })
	}
	version, err := look(ctx, s, func(q session) (int, error) { return one(q, itself[int], `PRAGMA user_version`) })
	switch known := len(migrations()); {
	case err != nil:
		found.Fail("store: database", err.Error(), "restore a backup if it is damaged")
		return
	case version > known:
		found.Fail("store: schema", fmt.Sprintf("version %d, and this raven knows up to %d", version, known), "run the newer raven that wrote it")
	case version < known:
		found.Warn("store: schema", fmt.Sprintf("version %d; the next start brings it to %d", version, known), "take a backup, then start this raven on it")
	default:
		found.OK("store: schema", fmt.Sprintf("version %d", version))
	}
	if mode, err := text(`PRAGMA journal_mode`); err != nil || mode != "wal" {
		found.Fail("store: write-ahead log", fmt.Sprintf("journal_mode is %q, %v", mode, err), "let nothing but raven open the database; a start sets it again")
	} else {
		found.OK("store: write-ahead log", "on, synchronised at each commit")
	}
	switch whole, err := text(`PRAGMA quick_check(1)`); {
	case err != nil && ctx.Err() != nil:
		found.Warn("store: integrity", "the check did not end in time", "run it again when there is less to do, with a longer --timeout")
	case err != nil:
		found.Fail("store: integrity", err.Error(), "restore the last backup")
	case whole != "ok":
		found.Fail("store: integrity", "the database is damaged: "+whole, "stop the server, keep a copy of the files, and restore the last backup")
	default:
		found.OK("store: integrity", "every page of the database is whole")
	}
}
