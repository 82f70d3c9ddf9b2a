package fiberhttp

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/quotas"
)

// request is what a handler sees of a request. Nothing of it aliases Fiber's
// buffers, save body, which is only for the time of the call.
type request struct {
	ctx    context.Context //nolint:containedctx // the request's own, with its deadline
	x      *exchange
	header func(name string) []string
	caller core.Caller
	limit  quotas.Decision // after this request
	op     core.Op
	path   map[string]string
	query  queryValues
	body   []byte
}

// answer is what a handler gives back without an error.
type answer struct {
	status   int
	body     any // encoded as JSON; nil for no body
	etag     string
	location string // of what was created

	// kept is what is remembered for an Idempotency-Key in place of body, where
	// body has something that must not be.
	kept any

	// stream writes the body piece by piece. It has its own context.
	stream func(ctx context.Context, send func(line any) error) error

	raw      []byte // a body that is encoded already
	mime     string // of raw
	replayed bool
}

func ok(body any) (answer, error) { return answer{status: fiber.StatusOK, body: body}, nil }

func noContent(err error) (answer, error) { return answer{status: fiber.StatusNoContent}, err }

// serve is the way of every request to a route. Its order is part of the API:
// who calls, how often, with what right; then what the request says.
func (s *Server) serve(rt *route) fiber.Handler {
	return func(c *fiber.Ctx) error {
		x := exchangeOf(c.Context())
		x.route = rt.path
		ctx, cancel := context.WithTimeout(x.ctx, s.cfg.RequestTimeout)
		defer cancel()
		r := &request{ctx: ctx, x: x, body: c.Request().Body(), header: func(name string) []string {
			return headerValues(c, name)
		}}
		a, err := s.run(rt, r, c)
		if err == nil {
			err = s.reply(r, a)
		}
		if err != nil {
			s.noteRefusal(r, err)
			x.fail(err)
		}
		return nil
	}
}

func (s *Server) run(rt *route, r *request, c *fiber.Ctx) (answer, error) {
	if err := s.admit(rt, r); err != nil {
		return answer{}, err
	}
	if rt.access == accessPublic {
		return rt.handle(s, r)
	}
	if rt.underUsers() {
		if err := s.Sealing.Available(r.ctx, r.caller.Tenant); err != nil {
			return answer{}, err
		}
	}
	key, err := idempotencyKey(rt, r)
	if err != nil {
		return answer{}, err
	}
	if err := rt.read(r, c); err != nil {
		return answer{}, err
	}
	run, err := rt.bind(s, r)
	if err != nil {
		return answer{}, err
	}
	if key == "" {
		return run()
	}
	return s.once(rt, r, key, run)
}

// read takes in what stands outside the body.
func (rt *route) read(r *request, c *fiber.Ctx) error {
	if rt.body != nil {
		if err := checkMedia(r); err != nil {
			return err
		}
	}
	names := c.Route().Params
	r.path = make(map[string]string, len(names))
	for _, name := range names {
		value, err := url.PathUnescape(c.Params(name))
		if err != nil || !utf8.ValidString(value) {
			return core.NotFound()
		}
		r.path[name] = value
	}
	var err error
	r.query, err = parseQuery(string(c.Request().URI().QueryString()), rt.query)
	return err
}

// checkMedia refuses a body that says it is something other than plain JSON.
// One that says nothing is taken as JSON.
func checkMedia(r *request) error {
	for _, encoding := range r.header(fiber.HeaderContentEncoding) {
		return core.NewError(core.CodeUnsupportedMediaType, "Bodies with a Content-Encoding, here %q, are not taken.", shownName(encoding))
	}
	if len(r.body) == 0 {
		return nil
	}
	for _, media := range r.header(fiber.HeaderContentType) {
		if !jsonMedia(media) {
			return core.NewError(core.CodeUnsupportedMediaType, "The body must be application/json in UTF-8.")
		}
	}
	return nil
}

func (s *Server) reply(r *request, a answer) error {
	h := r.x.http
	if a.etag != "" {
		h.Response.Header.Set(fiber.HeaderETag, a.etag)
		if a.status == fiber.StatusOK && h.IsGet() && noneMatch(r.header(fiber.HeaderIfNoneMatch), a.etag) {
			h.SetStatusCode(fiber.StatusNotModified)
			return nil
		}
	}
	if a.location != "" {
		h.Response.Header.Set(fiber.HeaderLocation, a.location)
	}
	if a.replayed {
		h.Response.Header.Set("Idempotent-Replayed", "true")
	}
	h.SetStatusCode(a.status)
	switch {
	case a.stream != nil:
		s.startStream(r, a.stream)
	case a.raw != nil:
		r.x.body(a.mime, a.raw)
	case a.body != nil:
		h.Response.Header.SetContentType(mimeJSON)
		return json.MarshalWrite(h.Response.BodyWriter(), a.body, json.Deterministic(true))
	}
	return nil
}

// jsonMedia reports whether a Content-Type is JSON, or a JSON merge patch, in UTF-8.
func jsonMedia(value string) bool {
	media, params, _ := strings.Cut(value, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case mimeJSON, "application/merge-patch+json":
	default:
		return false
	}
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "charset") && !strings.EqualFold(strings.Trim(value, `"`), "utf-8") {
			return false
		}
	}
	return true
}
