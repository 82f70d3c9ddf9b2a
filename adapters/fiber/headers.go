package fiberhttp

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// exposed lists the headers that a browser lets a page of another origin read.
const exposed = "ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"

func (s *Server) commonHeaders(h *fasthttp.RequestCtx, requestID string) {
	r := &h.Response.Header
	r.Set("X-Request-Id", requestID)
	r.Set("Cache-Control", "no-store")
	r.Set("X-Content-Type-Options", "nosniff")
	r.Set("Referrer-Policy", "no-referrer")
	r.Set("Cross-Origin-Resource-Policy", "same-origin")
	r.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if s.cfg.TLS {
		r.Set("Strict-Transport-Security", "max-age=63072000")
	}
	if len(s.cors) == 0 {
		return
	}
	r.Set("Vary", "Origin")
	if origin := string(h.Request.Header.Peek("Origin")); s.cors[origin] {
		r.Set("Access-Control-Allow-Origin", origin)
		r.Set("Access-Control-Expose-Headers", exposed)
	}
}

// preflight answers a browser's question whether a page of an allowed origin
// may send a request. Any other OPTIONS is a method like any other.
func (s *Server) preflight(h *fasthttp.RequestCtx) bool {
	if !h.IsOptions() || !s.cors[string(h.Request.Header.Peek("Origin"))] || len(h.Request.Header.Peek("Access-Control-Request-Method")) == 0 {
		return false
	}
	r := &h.Response.Header
	r.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	r.Set("Access-Control-Allow-Headers", strings.Join([]string{
		"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-Id",
	}, ", "))
	r.Set("Access-Control-Max-Age", "600")
	h.SetStatusCode(fasthttp.StatusNoContent)
	return true
}
