//go:build linux

package app

import (
	"fmt"
	"io/fs"
	"syscall"
)

// fileSystems are kinds by their number (statfs(2)).
var fileSystems = map[int64]disk{
	0x6969: {kind: "NFS", network: true}, 0x517b: {kind: "SMB", network: true}, 0xff534d42: {kind: "CIFS", network: true},
	0xfe534d42: {kind: "SMB2", network: true}, 0x65735546: {kind: "FUSE", network: true}, 0x00c36400: {kind: "Ceph", network: true},
	0x01021997: {kind: "9P", network: true}, 0x0bd00bd0: {kind: "Lustre", network: true},
	0x01021994: {kind: "tmpfs", passing: true}, 0x794c7630: {kind: "a container's layer", passing: true},
	0xef53: {kind: "ext"}, 0x58465342: {kind: "XFS"}, 0x9123683e: {kind: "Btrfs"}, 0x2fc12fc1: {kind: "ZFS"},
}

func diskOf(dir string) (disk, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return disk{}, false
	}
	d, ok := fileSystems[int64(uint32(s.Type))] //nolint:gosec // the number has 32 bits
	if !ok {
		d.kind = fmt.Sprintf("a file system of kind %#x", s.Type)
	}
	d.free = s.Bavail * uint64(s.Bsize) //nolint:gosec // a size
	return d, true
}

func openFiles() (uint64, bool) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	return limit.Cur, err == nil
}

func ownerOf(info fs.FileInfo) (int, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// writable reports whether this user may write there.
func writable(path string) bool { return syscall.Access(path, 2) == nil }
