package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/raven-memory/raven/core"
)

// Options say which Redis it is and what is asked of it.
type Options struct {
	// URL names the servers:
	//
	//	redis://user:password@host:6379/0
	//	redis+sentinel://user:password@host1:26379,host2:26379/master-name/0
	//	redis+cluster://user:password@host1:6379,host2:6379
	//
	// rediss in place of redis speaks TLS. A user or password with other than
	// letters and digits is percent-encoded. Parameters: ca, cert and key, as
	// the fields below; sentinel_user and sentinel_password.
	URL string

	// CAFile, CertFile and KeyFile are PEM files for TLS: who may have signed
	// the servers' certificates (the system's authorities when empty), and the
	// certificate to show with its key. They go over those of the URL.
	CAFile, CertFile, KeyFile string

	// PoolSize is how many connections each of the two clients keeps to a
	// server; 0 for 32.
	PoolSize int

	// Relaxed lets the append-only file be synchronised every second
	// (appendfsync everysec): a crash of the machine may then lose the last
	// second that was acknowledged.
	Relaxed bool

	// TrustServer opens a server that doesn't tell its configuration, as managed
	// services do: its operator answers for eviction policy and persistence.
	TrustServer bool

	// Events is told of a tenant, or of core.DeploymentTenant, after each step of
	// this process that recorded events of it, or may have where the reply was
	// lost. It must not block: the step's caller waits for it. It may be called
	// by several goroutines at once. Nil for nobody.
	Events func(core.TenantID)

	// MaxOutbox is how many events a tenant's outbox may hold; 0 for 100,000.
	// Past it a step that would record an event changes nothing and fails with
	// CodeUnavailable.
	MaxOutbox int64

	// Wait says what must have taken a step over before it is acknowledged.
	Wait Wait
}

// Wait is how a step is confirmed beyond the server that did it. One that is
// not in time is answered with CodeUnavailable: whether it lasts is not known,
// and it may be run again with the same operation. The zero value asks for
// nothing.
type Wait struct {
	Replicas int           // so many replicas have it
	AOF      bool          // on disk, of the server and of the replicas; Redis 7.2 or later; makes up for everysec
	Timeout  time.Duration // 0 for one second; in whole milliseconds
}

func (w Wait) asked() bool { return w.Replicas > 0 || w.AOF }

func (w Wait) timeout() time.Duration {
	if w.Timeout <= 0 {
		return time.Second
	}
	return w.Timeout
}

const (
	defaultMaxOutbox = 100_000

	defaultPool  = 32
	readRetries  = 3
	dialTimeout  = 2 * time.Second
	readTimeout  = 5 * time.Second
	writeTimeout = 5 * time.Second
	poolTimeout  = 2 * time.Second
	idleTimeout  = 10 * time.Minute
)

// tlsConfig reads the files of PEM.
func tlsConfig(ca, cert, key string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("redis: the authorities' certificates: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis: %s holds no certificate", ca)
		}
	}
	if (cert == "") != (key == "") {
		return nil, errors.New("redis: a client certificate needs both its file and its key's")
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("redis: the client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
