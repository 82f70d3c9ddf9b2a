package backend

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNothingIsInstalledWhereTheProgramIs(t *testing.T) {
	t.Parallel()
	p := program{
		name:    "server",
		lookup:  func() (string, error) { return "/bin/server", nil },
		install: func(string) error { t.Error("something was installed"); return nil },
	}
	if path, source, err := p.find(); path != "/bin/server" || source != path || err != nil {
		t.Errorf("found %q, %q, %v", path, source, err)
	}
}

func TestAMissingProgramIsInstalled(t *testing.T) {
	t.Parallel()
	installed := ""
	p := program{
		name: "server", pkg: "server-package",
		lookup: func() (string, error) {
			if installed == "" {
				return "", exec.ErrNotFound
			}
			return "/bin/server", nil
		},
		install: func(pkg string) error { installed = pkg; return nil },
	}
	if path, _, err := p.find(); path != "/bin/server" || err != nil || installed != "server-package" {
		t.Errorf("found %q, %v after installing %q", path, err, installed)
	}
}

func TestAProgramThatIsNotToBeHadIsNamedWithItsPackage(t *testing.T) {
	t.Parallel()
	p := program{
		name: "server", pkg: "server-package",
		lookup:  func() (string, error) { return "", exec.ErrNotFound },
		install: func(string) error { return errors.New("not root") },
	}
	_, _, err := p.find()
	if err == nil || !strings.Contains(err.Error(), "server is not on this machine") || !strings.Contains(err.Error(), "install the package server-package") {
		t.Errorf("the error is %v", err)
	}
}

func TestNoEngineIsMissedSoon(t *testing.T) {
	dir := t.TempDir()
	silent, err := net.Listen("unix", dir+"/silent.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, socket := range []string{"none.sock", "silent.sock"} {
		t.Setenv("DOCKER_HOST", "unix://"+dir+"/"+socket)
		start := time.Now()
		if _, err := engine(); err == nil {
			t.Errorf("%s answers", socket)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("giving up on %s took %v", socket, took)
		}
	}
}

// TestServersDieWithTheTestProcess runs itself in a process of its own, which is
// killed.
func TestServersDieWithTheTestProcess(t *testing.T) {
	if os.Getenv("RAVEN_TEST_DIE") != "" {
		s := Redis(t, RedisHere)
		os.Stdout.WriteString("served on " + s.Addr() + "\n")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	dying := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	dying.Env = append(os.Environ(), "RAVEN_TEST_DIE=1", "TMPDIR="+t.TempDir())
	out, _ := dying.Output()
	_, addr, ok := strings.Cut(strings.TrimSpace(string(out)), "served on ")
	if !ok {
		t.Fatalf("the process ended with %v and said:\n%s", dying.ProcessState, out)
	}
	err := eventually(func() error {
		if _, err := (login{addr: addr}).do("PING"); err == nil {
			return errors.New("the server still answers")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
