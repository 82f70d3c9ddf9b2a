// Package outbound makes requests to URLs that tenants set. They go to the
// public internet, and to networks that the operator allows, and nowhere else:
// the address is checked when connecting, redirects are not followed, no proxy
// of the environment is used, and what comes back is bounded.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"time"
)

const (
	handshakeTimeout = 5 * time.Second
	maxHeaderBytes   = 16 << 10
	// maxBodyBytes and drainTime bound what is read of an answer's body, which
	// is thrown away: a receiver that has answered is not cut off in mid-write.
	maxBodyBytes = 64 << 10
	drainTime    = time.Second
	userAgent    = "Raven-Webhooks/1"
)

// Options are the operator's.
type Options struct {
	AllowNetworks []netip.Prefix // allowed although they are not public
	AllowHTTP     bool           // plain HTTP into AllowNetworks
	CAFile        string         // PEM file of authorities trusted beside the system's; "" for none
	Resolver      *net.Resolver  // nil: the system's

	// Through wraps what requests go through; nil for nothing.
	Through func(http.RoundTripper) http.RoundTripper
}

// Client is safe for concurrent use.
type Client struct {
	https *http.Client
	http  *http.Client // nil where it is not allowed
}

// New makes a client. It fails when the file of authorities cannot be read.
func New(opt Options) (*Client, error) {
	roots, err := authorities(opt.CAFile)
	if err != nil {
		return nil, err
	}
	c := &Client{https: client(guard{networks: opt.AllowNetworks, public: true, own: own}.dialer(opt.Resolver), roots)}
	if opt.AllowHTTP {
		c.http = client(guard{networks: opt.AllowNetworks}.dialer(opt.Resolver), roots)
	}
	if opt.Through != nil {
		c.through(opt.Through)
	}
	return c, nil
}

func (c *Client) through(wrap func(http.RoundTripper) http.RoundTripper) {
	c.https.Transport = wrap(c.https.Transport)
	if c.http != nil {
		c.http.Transport = wrap(c.http.Transport)
	}
}

// authorities are the system's, and those of a file.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // none of one's own are the system's
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("outbound: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("outbound: %s holds no certificate", file)
	}
	return roots, nil
}

// client keeps no connections: nothing of one tenant's receiver meets another's
// request, and every request has its address checked.
func client(dialer *net.Dialer, roots *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    handshakeTimeout,
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Post posts a body of JSON and gives the status of the answer, whatever it is,
// and how long its Retry-After asks to wait, 0 for none. The answer's body is
// thrown away. Without an answer it fails with core.CodeUnavailable and a Message
// that says why.
func (c *Client) Post(ctx context.Context, url string, headers map[string]string, body []byte) (status int, retryAfter time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, 0, translate(err)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	resp, err := c.do(req)
	if err != nil {
		return 0, 0, translate(err)
	}
	defer func() { _ = resp.Body.Close() }()
	defer time.AfterFunc(drainTime, cancel).Stop()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBodyBytes)) // the status is all the answer there is
	return resp.StatusCode, parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()), nil
}

func (c *Client) do(req *http.Request) (*http.Response, error) {
	switch {
	case req.URL.User != nil:
		return nil, errors.New("outbound: the URL holds a user name")
	case req.URL.Scheme == "https":
		return c.https.Do(req)
	case req.URL.Scheme == "http" && c.http != nil:
		return c.http.Do(req)
	default:
		return nil, errForbidden
	}
}

// parseRetryAfter reads seconds or a date; what is neither, or past, is 0.
func parseRetryAfter(value string, now time.Time) time.Duration {
	const most = 365 * 24 * 3600
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), most)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), most*time.Second)
	}
	return 0
}
