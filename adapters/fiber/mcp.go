package fiberhttp

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/raven-memory/raven/core"
)

// pathMCP is where the Model Context Protocol is spoken. It is no route of the
// API's table: what it takes and gives is the protocol's.
const pathMCP = "/mcp"

// serveMCP lets a caller with an API key through to the protocol, charged as
// one request. Scopes are the tools' concern.
func (s *Server) serveMCP(c *fiber.Ctx) error {
	x := exchangeOf(c.Context())
	x.route = pathMCP
	ctx, cancel := context.WithTimeout(x.ctx, s.cfg.RequestTimeout)
	defer cancel()
	r := &request{ctx: ctx, x: x, body: c.Request().Body(), header: func(name string) []string {
		return headerValues(c, name)
	}}
	err := s.admit(&route{access: accessKey}, r)
	if err == nil { // every tool is about what the tenant's data keys seal
		err = s.Sealing.Available(ctx, r.caller.Tenant)
	}
	if err != nil {
		x.fail(err)
		return nil
	}
	in, err := http.NewRequestWithContext(core.WithCaller(ctx, r.caller), x.method, pathMCP, bytes.NewReader(bytes.Clone(r.body)))
	if err != nil {
		x.fail(err)
		return nil
	}
	for name, value := range c.Request().Header.All() {
		in.Header.Add(string(name), string(value))
	}
	in.Header.Del(fiber.HeaderAuthorization) // it has done its work
	w := &recorder{header: http.Header{}}
	s.MCP.ServeHTTP(w, in)
	w.copyTo(x)
	return nil
}

func headerValues(c *fiber.Ctx, name string) []string {
	var values []string
	for _, v := range c.Request().Header.PeekAll(name) {
		values = append(values, string(v))
	}
	return values
}

// recorder takes the answer of a handler of the standard library.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Flush is there because the protocol's handler asks for it; all is sent at the end.
func (*recorder) Flush() {}

// refusal is what the protocol's handler refused as HTTP, in plain text, before
// there was a message to answer: to Raven's clients in Raven's shape, and in its
// words, as the handler's may quote the message. The protocol leaves the body open.
func (w *recorder) refusal() error {
	if !strings.HasPrefix(w.header.Get(fiber.HeaderContentType), "text/plain") {
		return nil
	}
	switch {
	case w.status < http.StatusBadRequest:
		return nil
	case w.status == http.StatusMethodNotAllowed:
		return methodNotAllowed()
	case w.status == http.StatusUnsupportedMediaType:
		return core.NewError(core.CodeUnsupportedMediaType, "The body must be application/json.")
	case w.status == http.StatusRequestEntityTooLarge:
		return core.NewError(core.CodePayloadTooLarge, "The body is larger than %d bytes.", core.MaxBodyBytes)
	case w.status < http.StatusInternalServerError:
		return core.NewError(core.CodeBadRequest, "This is no request of the Model Context Protocol: that is a JSON-RPC message, "+
			"with Accept: application/json, text/event-stream and, if any, an Mcp-Protocol-Version that there is.")
	default:
		return fmt.Errorf("the protocol's handler answered with status %d", w.status)
	}
}

// copyTo answers with what was recorded. The fields that every answer has are
// the server's own.
func (w *recorder) copyTo(x *exchange) {
	w.WriteHeader(http.StatusOK)
	out := &x.http.Response
	for name, values := range w.header {
		if strings.HasPrefix(name, "Mcp-") || name == fiber.HeaderAllow {
			for _, v := range values {
				out.Header.Add(name, v)
			}
		}
	}
	if err := w.refusal(); err != nil {
		x.fail(err)
		return
	}
	out.SetStatusCode(w.status)
	x.body(w.header.Get(fiber.HeaderContentType), w.body.Bytes())
}
