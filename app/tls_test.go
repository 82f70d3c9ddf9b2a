package app

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCertificateThatDoesNotLoadIsWarnedOfOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"raven.example"}}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	write := func(path string, text []byte) {
		t.Helper()
		at = at.Add(time.Second) // each is another file, however coarse the clock of the file system
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	whole := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})
	write(cert, whole)
	write(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	var said bytes.Buffer
	c, err := loadCertificate(cert, key, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	warned := func(want int, when string) {
		t.Helper()
		for range 3 {
			c.checked = time.Time{} // it is time to look again
			if pair, err := c.get(nil); err != nil || pair == nil {
				t.Fatalf("%s it serves %v, %v", when, pair, err)
			}
		}
		if n := strings.Count(said.String(), "level=WARN"); n != want {
			t.Errorf("%s there are %d warnings, want %d: %s", when, n, want, said.String())
		}
	}
	warned(0, "at first")
	write(cert, []byte("half"))
	warned(1, "after a bad file")
	write(cert, []byte("half again"))
	warned(2, "after another")
	write(cert, whole)
	warned(2, "after a good one")
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	warned(3, "without a file")
}
