package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core"
)

// doctorDial bounds trying an address.
const doctorDial = 3 * time.Second

// What a machine should have at least.
const (
	diskLow   = 5 << 30
	diskEmpty = 500 << 20
	filesLow  = 4096
)

// doctorMachine looks at the data folder, the disk under it, and the limits of
// the process.
func doctorMachine(cfg config.Config, found *core.Findings) {
	if files, ok := openFiles(); ok && files < filesLow {
		found.Warn("machine: open files", fmt.Sprintf("a process may open %d", files), fmt.Sprintf("raise the limit to %d or more: LimitNOFILE in systemd, ulimit -n in a shell", filesLow))
	} else if ok {
		found.OK("machine: open files", fmt.Sprintf("a process may open %d", files))
	}
	info, err := os.Stat(cfg.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if cfg.Store.Backend == config.StoreEmbedded {
			found.OK("data_dir", "there is none yet; the first start makes "+cfg.DataDir)
		}
	case err != nil:
		found.Fail("data_dir", err.Error(), "let this user read "+cfg.DataDir)
	case !info.IsDir():
		found.Fail("data_dir", cfg.DataDir+" is no folder", "correct data_dir")
	default:
		doctorFolder(cfg.DataDir, info, found)
	}
	if cfg.Store.Backend == config.StoreEmbedded {
		doctorDisk(existing(cfg.DataDir), found)
	}
}

func doctorFolder(dir string, info fs.FileInfo, found *core.Findings) {
	switch owner, ok := ownerOf(info); {
	case ok && owner != os.Geteuid() && os.Geteuid() != 0:
		found.Fail("data_dir", fmt.Sprintf("%s belongs to user %d, and this is %d", dir, owner, os.Geteuid()), "run raven, and raven doctor, as the owner, or chown the folder")
	case ok && owner != os.Geteuid():
		found.Warn("data_dir", fmt.Sprintf("%s belongs to user %d; run this as that user to see what the server sees", dir, owner), "sudo -u the server's user raven doctor")
	case info.Mode().Perm()&0o077 != 0:
		found.Fail("data_dir", fmt.Sprintf("%s is open to others (mode %04o)", dir, info.Mode().Perm()), "chmod 700 "+dir+"; a start of raven does so too")
	default:
		found.OK("data_dir", fmt.Sprintf("%s, mode %04o", dir, info.Mode().Perm()))
	}
}

// existing is the folder, or the nearest above it that there is.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func doctorDisk(dir string, found *core.Findings) {
	d, ok := diskOf(dir)
	if !ok {
		return
	}
	free := fmt.Sprintf("%d MiB are free", d.free>>20)
	switch {
	case d.free < diskEmpty:
		found.Fail("disk: space", free+": a full disk refuses every write", "make room under "+dir)
	case d.free < diskLow:
		found.Warn("disk: space", free, "make room under "+dir)
	default:
		found.OK("disk: space", free)
	}
	switch {
	case d.network:
		found.Fail("disk: kind", dir+" is on "+d.kind+", a network file system: SQLite's locks do not hold there", "put data_dir on a disk of this machine")
	case d.passing:
		found.Warn("disk: kind", dir+" is on "+d.kind+", which a restart of the machine or container loses", "put data_dir on a disk or a volume")
	default:
		found.OK("disk: kind", dir+" is on "+d.kind)
	}
}

// disk is what is known of a file system.
type disk struct {
	free             uint64
	kind             string
	network, passing bool
}

// doctorListeners looks whether a server answers where it should, or could.
func doctorListeners(ctx context.Context, cfg config.Config, found *core.Findings) {
	scheme := "http"
	if cfg.HTTP.TLS.Cert != "" {
		scheme = "https"
	}
	doctorListener(ctx, "http.addr", cfg.HTTP.Addr, scheme, "/healthz", found)
	doctorListener(ctx, "admin.addr", cfg.Admin.Addr, "http", "/metrics", found)
	if host, _, err := net.SplitHostPort(cfg.Admin.Addr); err == nil && host != "localhost" {
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			found.Warn("admin.addr", "metrics and profiles are open to whoever reaches "+cfg.Admin.Addr, "put it on the loopback, or let a firewall guard it")
		}
	}
}

func doctorListener(ctx context.Context, key, addr, scheme, path string, found *core.Findings) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" {
		found.OK(key, addr+": the start picks a port")
		return
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	where := net.JoinHostPort(host, port)
	ctx, cancel := context.WithTimeout(ctx, doctorDial)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", where)
	if err != nil {
		found.OK(key, addr+" is free")
		return
	}
	_ = conn.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+where+path, http.NoBody)
	if err != nil {
		found.Fail(key, err.Error(), "correct "+key)
		return
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // only whether a raven answers is asked
	res, err := client.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	if err != nil || res.StatusCode != http.StatusOK {
		found.Fail(key, "another program has "+addr, "stop it, or choose another "+key)
		return
	}
	found.OK(key, "a server answers at "+addr)
}

func doctorCertificate(cfg config.Config, found *core.Findings) {
	if cfg.HTTP.TLS.Cert == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(cfg.HTTP.TLS.Cert, cfg.HTTP.TLS.Key)
	if err != nil {
		found.Fail("http: TLS", err.Error(), "give a chain in PEM form in http.tls.cert, and its own key in http.tls.key")
		return
	}
	if info, err := os.Stat(cfg.HTTP.TLS.Key); err == nil && info.Mode().Perm()&0o007 != 0 {
		found.Warn("http: TLS", "every user of the machine may read "+cfg.HTTP.TLS.Key, "chmod o-rwx "+cfg.HTTP.TLS.Key)
	}
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			found.Fail("http: TLS", err.Error(), "give a chain in PEM form in http.tls.cert")
			return
		}
		ends := c.NotAfter.UTC().Format(time.DateOnly)
		switch left := time.Until(c.NotAfter); {
		case left <= 0 || time.Now().Before(c.NotBefore):
			found.Fail("http: TLS", "the certificate of "+c.Subject.CommonName+" holds from "+c.NotBefore.UTC().Format(time.DateOnly)+" to "+ends, "renew it; a running server takes the new files by itself")
			return
		case left < certificateSoon:
			found.Warn("http: TLS", "the certificate of "+c.Subject.CommonName+" ends on "+ends, "renew it; a running server takes the new files by itself")
			return
		}
	}
	found.OK("http: TLS", "certificate and key go together; for "+strings.Join(pair.Leaf.DNSNames, ", "))
}
