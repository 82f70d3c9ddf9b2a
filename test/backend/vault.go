package backend

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// vaultImage is of the version that test/vaultserver builds.
var vaultImage = &image{repository: "hashicorp/vault", tag: "1.16", port: "8200/tcp"}

// VaultServer is a HashiCorp Vault with what its administrator may do. What
// Vault has been told survives kills.
type VaultServer struct {
	*Server

	t     testing.TB // whose server, or view of a shared one, this is
	tls   bool
	local bool
	certs *Certs
	url   string // of a server from the environment; else ""
	admin *vaultAdmin
}

// vaultAdmin is what starting a Vault gives: the power over it.
type vaultAdmin struct {
	mu             sync.Mutex
	rootToken, key string
}

func (a *vaultAdmin) get() (rootToken, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rootToken, a.key
}

// VaultOption changes a Vault of a test's own.
type VaultOption func(*VaultServer)

// VaultTLS makes a Vault speak TLS.
func VaultTLS(s *VaultServer) { s.tls, s.local = true, true }

// VaultHere makes a Vault a process on this machine, that reaches what the test
// serves there.
func VaultHere(s *VaultServer) { s.local = true }

// Vault starts an unsealed Vault that ends with the test.
func Vault(t testing.TB, opts ...VaultOption) *VaultServer {
	t.Helper()
	s, err := launchVault(opts...)
	if err != nil {
		t.Fatal(err)
	}
	s.t = t
	s.attach(t)
	return s
}

var sharedVault shared[*VaultServer]

// SharedVault gives a Vault that all tests of the process share. A test mounts
// there what it needs, under names of its own, which are gone when it ends. The
// server is not to be sealed, killed or limited.
//
// The server runs while a test holds it: a test whose subtests take it is
// quicker when it has taken it itself.
func SharedVault(t testing.TB) *VaultServer {
	t.Helper()
	if url := os.Getenv("RAVEN_TEST_VAULT_URL"); url != "" {
		t.Log("vault from RAVEN_TEST_VAULT_URL")
		token := os.Getenv("RAVEN_TEST_VAULT_TOKEN")
		return &VaultServer{t: t, url: url, admin: &vaultAdmin{rootToken: token}}
	}
	s := sharedVault.take(t, func() (*VaultServer, error) { return launchVault() })
	return s.For(t)
}

// For is the same server for a subtest, which what it makes there ends with.
func (s *VaultServer) For(t testing.TB) *VaultServer {
	view := *s
	view.t = t
	return &view
}

func launchVault(opts ...VaultOption) (*VaultServer, error) {
	s := &VaultServer{admin: &vaultAdmin{}}
	for _, opt := range opts {
		opt(s)
	}
	var err error
	s.Server, err = launch("vault", func(server *Server) error {
		s.Server = server
		s.admin = &vaultAdmin{}
		server.answer = s.serve
		return s.prepare()
	})
	return s, err
}

// prepare chooses where the server runs.
func (s *VaultServer) prepare() (err error) {
	if s.tls {
		if s.certs, err = newCerts(s.dir); err != nil {
			return err
		}
	}
	if !s.local {
		c, err := vaultImage.container(s.port, []string{
			"SKIP_SETCAP=1",
			`VAULT_LOCAL_CONFIG={"disable_mlock": true, "storage": {"file": {"path": "/vault/file"}},` +
				` "listener": [{"tcp": {"address": "0.0.0.0:8200", "tls_disable": true}}]}`,
		}, []string{"server"})
		if err == nil {
			s.run, s.source = c, "docker image "+vaultImage.String()
			return nil
		}
		if required() {
			return err
		}
	}
	path, err := vaultProgram()
	if err != nil {
		return err
	}
	args := []string{"-listen", s.Addr(), "-storage", filepath.Join(s.dir, "storage")}
	if s.certs != nil {
		args = append(args, "-tls-cert", s.certs.serverCert, "-tls-key", s.certs.serverKey)
	}
	s.source = path
	s.run = &process{path: path, args: args, dir: s.dir, quit: syscall.SIGKILL}
	return nil
}

// URL is where clients connect.
func (s *VaultServer) URL() string {
	switch {
	case s.url != "":
		return s.url
	case s.certs != nil:
		return "https://" + s.Addr()
	default:
		return "http://" + s.Addr()
	}
}

// Addr is the server's address, the same over its whole life.
func (s *VaultServer) Addr() string {
	if s.url == "" {
		return s.Server.Addr()
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return s.url
	}
	return u.Host
}

// RootToken may do everything.
func (s *VaultServer) RootToken() string {
	token, _ := s.admin.get()
	return token
}

// CAFile is who signed the server's certificate; "" where it speaks plainly.
func (s *VaultServer) CAFile() string {
	if s.certs == nil {
		return ""
	}
	return s.certs.CAFile
}

// Seal makes the server refuse everything, as after a start, until Unseal.
func (s *VaultServer) Seal() {
	s.t.Helper()
	s.Do("PUT", "sys/seal", nil)
}

// Unseal undoes Seal.
func (s *VaultServer) Unseal() {
	s.t.Helper()
	s.must("unsealing", eventually(s.serve))
}

// serve makes a new server ready, unseals one that is sealed, and tries whether
// it answers.
func (s *VaultServer) serve() error {
	var status struct{ Initialized, Sealed bool }
	if err := s.call("GET", "sys/seal-status", nil, &status); err != nil {
		return err
	}
	if !status.Initialized {
		var made struct {
			Keys      []string `json:"keys_base64"`
			RootToken string   `json:"root_token"`
		}
		if err := s.call("PUT", "sys/init", map[string]any{"secret_shares": 1, "secret_threshold": 1}, &made); err != nil {
			return err
		}
		if len(made.Keys) != 1 {
			return fmt.Errorf("sys/init gave %d keys", len(made.Keys))
		}
		s.admin.mu.Lock()
		s.admin.rootToken, s.admin.key = made.RootToken, made.Keys[0]
		s.admin.mu.Unlock()
		status.Sealed = true
	}
	if status.Sealed {
		_, key := s.admin.get()
		if err := s.call("PUT", "sys/unseal", map[string]any{"key": key}, nil); err != nil {
			return err
		}
	}
	return s.call("GET", "sys/health", nil, nil)
}

// must is Server's, for whose view of the server this is.
func (s *VaultServer) must(doing string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Errorf("%s vault on %s: %v", doing, s.Addr(), err)
	}
}
