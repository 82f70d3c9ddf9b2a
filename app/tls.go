package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate serves a certificate from its files and reads them again when
// they change. A pair that does not load leaves the one before in place, and is
// told of once.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	checked time.Time
	stamp   [2]time.Time // of the pair
	told    string       // what the last warning was about
	pair    *tls.Certificate
}

// recheck is how often the files are looked at.
const recheck = 5 * time.Second

func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("http.tls: %w", err)
	}
	return c, nil
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get}
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) > recheck {
		c.checked = now
		c.reload()
	}
	return c.pair, nil
}

// reload takes files that changed, or warns once of what they are like: those that
// were half-written change again.
func (c *certificate) reload() {
	stamp, err := c.stat()
	if err == nil && stamp != c.stamp {
		err = c.load()
	}
	if err == nil {
		c.told = ""
		return
	}
	if told := fmt.Sprint(stamp, err); told != c.told {
		c.told = told
		c.log.Warn("the certificate's files do not load: the one before goes on being served", "key", "http.tls", "error", err.Error())
	}
}

func (c *certificate) load() error {
	stamp, err := c.stat()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.stamp, c.pair = stamp, &pair
	return nil
}

func (c *certificate) stat() ([2]time.Time, error) {
	var stamp [2]time.Time
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamp, err
		}
		stamp[i] = info.ModTime()
	}
	return stamp, nil
}
