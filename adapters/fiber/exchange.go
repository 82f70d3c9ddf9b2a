package fiberhttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/core"
)

// exchange is one request and its answer, as far as they concern neither route
// nor caller: the id, the headers that every answer has, the line in the log.
type exchange struct {
	ctx       context.Context //nolint:containedctx // of what the request does, without its deadline
	http      *fasthttp.RequestCtx
	began     time.Time
	id        string
	method    string
	route     string // the pattern; the path itself may hold a person's reference
	tenant    core.TenantID
	key       core.KeyID
	err       *core.Error
	stack     []byte
	streaming bool
}

type exchangeKey struct{}

func exchangeOf(h *fasthttp.RequestCtx) *exchange {
	return h.UserValue(exchangeKey{}).(*exchange) //nolint:forcetypeassert // set by begin, for every request
}

// handle is the outermost handler.
func (s *Server) handle(h *fasthttp.RequestCtx) {
	x := s.begin(h)
	defer s.end(x)
	defer func() {
		if p := recover(); p != nil {
			x.stack = debug.Stack()
			x.fail(panicError(p))
		}
	}()
	switch {
	case len(h.Request.Header.RequestURI()) > core.MaxURIBytes:
		x.fail(core.NewError(core.CodeURITooLong, "The request's URI is longer than %d bytes.", core.MaxURIBytes))
	case len(h.Request.Header.RawHeaders()) > core.MaxHeaderBytes:
		x.fail(headersTooLarge())
	case !s.preflight(h):
		if !knownMethod(x.method) {
			// Fiber answers methods it does not know with plain text; no route
			// has TRACE, so this finds out whether the path is there.
			h.Request.Header.SetMethod(fiber.MethodTrace)
		}
		s.route(h)
	}
}

func knownMethod(method string) bool {
	for _, known := range fiber.DefaultMethods {
		if method == known {
			return true
		}
	}
	return false
}

func panicError(p any) error {
	return fmt.Errorf("panic: %v", p)
}

func headersTooLarge() *core.Error {
	return core.NewError(core.CodeHeadersTooLarge, "The request's headers are larger than %d bytes.", core.MaxHeaderBytes)
}

// routingError is for what Fiber itself refuses.
func (s *Server) routingError(c *fiber.Ctx, err error) error {
	var e *fiber.Error
	x := exchangeOf(c.Context())
	switch {
	case errors.As(err, &e) && e.Code == fiber.StatusNotFound:
		x.fail(core.NotFound())
	case errors.As(err, &e) && e.Code == fiber.StatusMethodNotAllowed:
		x.fail(methodNotAllowed())
	default:
		x.fail(err)
	}
	return nil
}

func methodNotAllowed() *core.Error {
	return core.NewError(core.CodeMethodNotAllowed, "The method is not one that this path takes; the Allow header lists those it does.")
}

// protocolError is for requests that fasthttp could not read. Its errors quote
// the request, so their text goes nowhere.
func (s *Server) protocolError(h *fasthttp.RequestCtx, err error) {
	x := s.begin(h)
	defer s.end(x)
	var network net.Error
	switch {
	case errors.As(err, new(*fasthttp.ErrSmallBuffer)):
		x.fail(headersTooLarge())
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		x.fail(core.NewError(core.CodePayloadTooLarge, "The body is larger than %d bytes.", core.MaxBodyBytes))
	case errors.As(err, &network) && network.Timeout():
		x.fail(core.NewError(codeRequestTimeout, "The request did not arrive in time."))
	default:
		x.fail(core.NewError(core.CodeBadRequest, "This is not an HTTP request that can be read."))
	}
	if c, ok := h.Conn().(*conn); ok {
		c.linger = true
	}
}

// begin sets what every answer has.
func (s *Server) begin(h *fasthttp.RequestCtx) *exchange {
	x := &exchange{http: h, began: time.Now(), method: string(h.Method()), id: string(h.Request.Header.Peek("X-Request-Id"))}
	if !visibleASCII(x.id, core.MaxRequestID) {
		x.id = s.IDs.Request()
	}
	if s.Observe != nil {
		s.Observe.Begin()
	}
	x.ctx = s.base
	if s.Trace != nil {
		x.ctx = s.Trace.Begin(s.base, logMethod(x.method), func(name string) string { return string(h.Request.Header.Peek(name)) })
	}
	h.SetUserValue(exchangeKey{}, x)
	s.commonHeaders(h, x.id)
	return x
}

// visibleASCII reports whether s is 1 to most characters from ! to ~.
func visibleASCII(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// fail makes the answer a refusal.
func (x *exchange) fail(err error) {
	e := asError(err)
	x.err = e
	r := &x.http.Response
	r.SetStatusCode(statuses[e.Code])
	problemHeaders(e, r.Header.Set)
	x.body(mimeProblem, newProblem(e, x.id).encode())
}

func (x *exchange) body(contentType string, body []byte) {
	x.http.Response.Header.SetContentType(contentType)
	x.http.Response.SetBodyRaw(body)
}

// end writes the line of the log; for an answer that is still being streamed,
// its stream does.
func (s *Server) end(x *exchange) {
	if s.draining.Load() {
		x.http.Response.SetConnectionClose() // its client opens the next one elsewhere
	}
	if !x.streaming {
		s.log(x, x.http.Response.StatusCode(), len(x.http.Response.Body()), nil)
	}
}

// maxLogAttrs is room for all that a line of the log may have, on the stack.
const maxLogAttrs = 12

// log writes a request's one line: no path, no query, no content.
func (s *Server) log(x *exchange, status, bytes int, streamErr error) {
	s.observe(x, status)
	attrs := append(make([]slog.Attr, 0, maxLogAttrs),
		slog.String("request_id", x.id), slog.String("method", logMethod(x.method)), slog.String("route", x.route),
		slog.Int("status", status), slog.Int("bytes", bytes), slog.Duration("duration", time.Since(x.began)),
	)
	if x.tenant != "" {
		attrs = append(attrs, slog.String("tenant", string(x.tenant)), slog.String("key", string(x.key)))
	}
	level := slog.LevelInfo
	if x.err != nil {
		attrs = append(attrs, slog.String("code", string(x.err.Code)))
		if status >= fasthttp.StatusInternalServerError {
			level = slog.LevelError
		}
		if x.err.Cause != nil && (level == slog.LevelError || status == fasthttp.StatusUnauthorized || status == fasthttp.StatusLocked) {
			attrs = append(attrs, slog.String("cause", x.err.Cause.Error()))
		}
	}
	if x.stack != nil {
		attrs = append(attrs, slog.String("stack", string(x.stack)))
	}
	if streamErr != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("cause", streamErr.Error()))
	}
	s.Log.LogAttrs(x.ctx, level, "request", attrs...)
}

func (s *Server) observe(x *exchange, status int) {
	code, method := "", logMethod(x.method)
	if x.err != nil {
		code = string(x.err.Code)
	}
	if s.Observe != nil {
		s.Observe.End(method, x.route, status, code, time.Since(x.began))
	}
	if s.Trace != nil {
		s.Trace.End(x.ctx, method, x.route, status, code, string(x.tenant))
	}
}

func logMethod(method string) string {
	if knownMethod(method) {
		return method
	}
	return "other"
}
