package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/raven-memory/raven/core"
)

// Client calls an operator's handler. Its errors are core's. Safe for concurrent
// use.
type Client struct {
	http *http.Client
}

// Dial makes a client of the handler that serves on the connections that dial
// opens.
func Dial(dial func(ctx context.Context) (net.Conn, error)) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	return &Client{&http.Client{Transport: transport}}
}

// Local makes a client of a handler in this process.
func Local(h http.Handler) *Client { return &Client{&http.Client{Transport: local{h}}} }

// Close drops what connections there are.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// local answers requests by a handler.
type local struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	l.ServeHTTP(w, r)
	return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.Buffer), Request: r}, nil
}

// recorder keeps an answer.
type recorder struct {
	bytes.Buffer
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) { w.status = status }

// call sends a request and reads its answer into out, if that is not nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://operator"+path, body)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return core.Unavailable(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode >= http.StatusBadRequest {
		var f failure
		if err := json.NewDecoder(res.Body).Decode(&f); err != nil || f.Error.Code == "" {
			return core.NewError(core.CodeInternal, "The server answered %d.", res.StatusCode)
		}
		return &core.Error{Code: f.Error.Code, Message: f.Error.Message}
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("the server's answer: %w", err)
	}
	return nil
}

func tenantPath(id core.TenantID, more string) string {
	return "/v1/tenants/" + url.PathEscape(string(id)) + more
}

// all gathers every page of a list.
func all[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	list := []T{}
	for next := ""; ; {
		var p page[T]
		if err := c.call(ctx, http.MethodGet, path+"?after="+url.QueryEscape(next), nil, &p); err != nil {
			return nil, err
		}
		list = append(list, p.Data...)
		if next = p.Next; next == "" {
			return list, nil
		}
	}
}

// Tenants lists all tenants, by id.
func (c *Client) Tenants(ctx context.Context) ([]Tenant, error) {
	return all[Tenant](ctx, c, "/v1/tenants")
}

// CreateTenant makes one, with its first API key. CodeEmailTaken.
func (c *Client) CreateTenant(ctx context.Context, n NewTenant) (out CreatedTenant, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/tenants", n, &out)
	return out, err
}

// Tenant shows one.
func (c *Client) Tenant(ctx context.Context, id core.TenantID) (out TenantDetails, err error) {
	err = c.call(ctx, http.MethodGet, tenantPath(id, ""), nil, &out)
	return out, err
}

// Suspend refuses the tenant's keys until Resume.
func (c *Client) Suspend(ctx context.Context, id core.TenantID) (out Tenant, err error) {
	err = c.call(ctx, http.MethodPost, tenantPath(id, "/suspend"), nil, &out)
	return out, err
}

// Resume ends a suspension.
func (c *Client) Resume(ctx context.Context, id core.TenantID) (out Tenant, err error) {
	err = c.call(ctx, http.MethodPost, tenantPath(id, "/resume"), nil, &out)
	return out, err
}

// SetQuotas changes the tenant's settings, also past what it may set itself.
func (c *Client) SetQuotas(ctx context.Context, id core.TenantID, q Quotas) (out Tenant, err error) {
	err = c.call(ctx, http.MethodPatch, tenantPath(id, "/quotas"), q, &out)
	return out, err
}

// DeleteTenant destroys the tenant's keys and then its data; confirm is its id.
func (c *Client) DeleteTenant(ctx context.Context, id core.TenantID, confirm string) (out DeletedTenant, err error) {
	err = c.call(ctx, http.MethodDelete, tenantPath(id, "?confirm="+url.QueryEscape(confirm)), nil, &out)
	return out, err
}

// Keys lists the tenant's API keys, by creation.
func (c *Client) Keys(ctx context.Context, id core.TenantID) ([]Key, error) {
	return all[Key](ctx, c, tenantPath(id, "/keys"))
}

// CreateKey makes an API key of the tenant's.
func (c *Client) CreateKey(ctx context.Context, id core.TenantID, n NewKey) (out IssuedKey, err error) {
	err = c.call(ctx, http.MethodPost, tenantPath(id, "/keys"), n, &out)
	return out, err
}

// RevokeKey ends a key. CodeLastAdminKey.
func (c *Client) RevokeKey(ctx context.Context, id core.TenantID, key core.KeyID) error {
	return c.call(ctx, http.MethodDelete, tenantPath(id, "/keys/"+url.PathEscape(string(key))), nil, nil)
}
