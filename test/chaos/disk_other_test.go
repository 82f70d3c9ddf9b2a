//go:build !linux

package chaos

import "testing"

// disk can be filled on Linux alone.
type disk struct{ dir string }

func newDisk(t *testing.T) *disk {
	t.Helper()
	t.Log("no file system can be mounted here")
	return nil
}

func (*disk) fill()  {}
func (*disk) clear() {}

const noLimit = 0

func limitFiles(*testing.T, int, uint64) {}
