package backend

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// program is a server's program and the Debian package that has it.
type program struct {
	name    string
	pkg     string
	lookup  func() (path string, err error)
	install func(pkg string) error
}

var redisProgram = program{
	name:    "redis-server",
	pkg:     "redis-server",
	lookup:  func() (string, error) { return exec.LookPath("redis-server") },
	install: aptInstall,
}

var postgresProgram = program{
	name:    "postgres",
	pkg:     "postgresql",
	lookup:  lookupPostgres,
	install: aptInstall,
}

// lookupPostgres prefers the newest of Debian's versions, which are not on the
// path.
func lookupPostgres() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return exec.LookPath("postgres")
	}
	return found[len(found)-1], nil
}

// find finds the program, and installs it where it is missing and that can be
// done. source says in words where it comes from.
func (p program) find() (path, source string, err error) {
	if path, err = p.lookup(); err == nil {
		return path, path, nil
	}
	if err = p.install(p.pkg); err == nil {
		path, err = p.lookup()
	}
	if err != nil {
		return "", "", fmt.Errorf("%s is not on this machine (%w): install the package %s, or start Docker",
			p.name, err, p.pkg)
	}
	return path, path + " (just installed)", nil
}

// aptInstall installs a Debian package as root; one test process at a time.
func aptInstall(pkg string) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return errors.New("apt-get is for root on Debian")
	}
	unlock, err := lock(filepath.Join(os.TempDir(), "raven-test-apt.lock"), syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", pkg}} {
		cmd := exec.Command(apt, append([]string{"-o", "DPkg::Lock::Timeout=300"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// lock takes a lock that other processes see and that ends with this one.
func lock(path string, how int) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// Program finds a program on the path, or installs the Debian package that has it
// where that can be done.
func Program(name, pkg string) (path string, err error) {
	p := program{name: name, pkg: pkg, lookup: func() (string, error) { return exec.LookPath(name) }, install: aptInstall}
	path, _, err = p.find()
	return path, err
}
