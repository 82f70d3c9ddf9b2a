//go:build !unix

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

func lockDir(dir string) (*os.File, error) {
	return nil, fmt.Errorf("sqlite: lock of %s: %w", dir, errors.ErrUnsupported)
}

func checkOwner(string, fs.FileInfo) error { return nil }
