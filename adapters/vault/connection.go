package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/vault/api"
)

// Bounds of what Vault may answer.
const (
	maxAnswerBytes = 1 << 20
	maxHeaderBytes = 64 << 10
)

// newTransport goes to Vault and nowhere else: no proxy, whatever the
// environment says. HTTP/1.1, where one connection that hangs holds one request.
func newTransport(o Options) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("vault: the authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("vault: %s holds no certificate in PEM form", o.CAFile)
		}
	}
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: o.Timeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    o.Timeout,
		MaxConnsPerHost:        64,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}, nil
}

// newHTTPClient follows no redirect.
func newHTTPClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     bounded{transport},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded cuts off answers that are too long.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswerBytes)
	}
	return resp, err
}

// connection is how to reach Vault.
type connection struct {
	address, namespace string
	http               *http.Client
}

// as gives a client that shows the token; nothing of it comes from the
// environment. It tries once: who asked knows better whether to try again.
func (c connection) as(token string) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address: c.address, HttpClient: c.http, DisableRedirects: true,
		CheckRetry: func(context.Context, *http.Response, error) (bool, error) { return false, nil },
	})
	if err != nil {
		return nil, fmt.Errorf("vault: make a client: %w", err)
	}
	client.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	client.SetToken(token)
	if c.namespace != "" {
		client.SetNamespace(c.namespace)
	}
	return client, nil
}

// post sends a body and reads the data, or of a login the auth, of the answer.
func post(ctx context.Context, client *api.Client, path string, body, data any) error {
	text, err := json.Marshal(body)
	defer clear(text)
	if err != nil {
		return fmt.Errorf("vault: write a request: %w", err)
	}
	resp, err := client.Logical().WriteRawWithContext(ctx, path, text)
	return readAnswer(resp, err, data)
}

// lookupSelf asks Vault about the token that the client shows.
func lookupSelf(ctx context.Context, client *api.Client, data any) error {
	resp, err := client.Logical().ReadRawWithContext(ctx, "auth/token/lookup-self")
	return readAnswer(resp, err, data)
}

// readAnswer reads and closes an answer; anything but a success with what was
// asked for is an error.
func readAnswer(resp *api.Response, err error, data any) error {
	if resp == nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it has been read
	switch {
	case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent:
		return newAnswer(resp.StatusCode, err)
	case err != nil:
		return err
	case data == nil:
		return nil
	}
	text, err := io.ReadAll(resp.Body)
	defer clear(text)
	if err != nil {
		return fmt.Errorf("vault: read an answer: %w", err)
	}
	var whole struct{ Data, Auth json.RawMessage }
	if err := json.Unmarshal(text, &whole); err != nil {
		return fmt.Errorf("vault: an answer is not what was expected: %w", err)
	}
	defer clear(whole.Data)
	part := whole.Data
	if len(whole.Auth) > 0 && !bytes.Equal(whole.Auth, []byte("null")) {
		part = whole.Auth
	}
	if err := json.Unmarshal(part, data); err != nil {
		return fmt.Errorf("vault: an answer is not what was expected: %w", err)
	}
	return nil
}
