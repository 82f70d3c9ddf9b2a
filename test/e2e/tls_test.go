package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate replaces a certificate and its key as tools that renew them
// do, by names that come to point elsewhere.
func writeCertificate(t *testing.T, cert, key string, serial int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"raven.example"}}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: signed}, key: {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(path+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReplacedCertificateIsServedWithoutARestart also asks the server's own
// health check, which has to speak TLS then.
func TestReplacedCertificateIsServedWithoutARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key, 1)
	env := []string{"RAVEN_HTTP_TLS_CERT=" + cert, "RAVEN_HTTP_TLS_KEY=" + key}
	s := start(t, t.TempDir(), env...)
	if !strings.HasPrefix(s.URL, "https://") {
		t.Fatalf("it serves %s", s.URL)
	}
	served := func() int64 {
		c := http.Client{Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		}}
		answer, err := c.Get(s.URL + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.TLS.PeerCertificates[0].SerialNumber.Int64()
	}
	if n := served(); n != 1 {
		t.Fatalf("it shows certificate %d", n)
	}
	writeCertificate(t, cert, key, 2)
	waitFor(t, "the new certificate", func() bool { return served() == 2 })
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := "RAVEN_HTTP_ADDR=" + strings.TrimPrefix(strings.Replace(s.URL, "localhost", "127.0.0.1", 1), "https://")
	if code, out := raven(t, t.TempDir(), append(env, address), "healthcheck"); code != 0 {
		t.Errorf("healthcheck over TLS: %d %s", code, out)
	}
	writeCertificate(t, cert, key, 3)
	waitFor(t, "the newest certificate", func() bool { return served() == 3 })
}
