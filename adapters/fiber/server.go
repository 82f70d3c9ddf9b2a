package fiberhttp

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/facts"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/memory"
	"github.com/raven-memory/raven/core/quotas"
	"github.com/raven-memory/raven/core/recall"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
	"github.com/raven-memory/raven/core/webhooks"
	"github.com/raven-memory/raven/ports"
)

// readBuffer holds a request line and headers of twice what is allowed, so that
// too much of either is refused by name and not by the parser.
const readBuffer = 48 << 10

// RegistrationMode says who may register a tenant.
type RegistrationMode string

// The modes there are: anybody, who has the operator's token, nobody.
const (
	RegistrationOpen   RegistrationMode = "open"
	RegistrationToken  RegistrationMode = "token"
	RegistrationClosed RegistrationMode = "closed"
)

// Config is the operator's choices. The zero value of a duration is its default.
type Config struct {
	Registration      RegistrationMode
	RegistrationToken string // with RegistrationToken; never empty then

	CORSOrigins    []string       // exact origins, "https://app.example.com"; none: no CORS
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	TLS            bool           // the listener speaks TLS

	RequestTimeout time.Duration // for handling a request; 30 s
	ExportTimeout  time.Duration // for an export; 10 min
	ReadTimeout    time.Duration // for a request to arrive whole; 30 s
	WriteTimeout   time.Duration // for a part of an answer to be taken; 30 s
	IdleTimeout    time.Duration // between requests of a connection; 60 s
	MaxConnections int           // 0: 65536

	Version string // of Raven, for the OpenAPI document
}

// Services are what the API is an API of.
type Services struct {
	Tenancy  *tenancy.Service
	Keys     *keys.Service
	Quotas   *quotas.Service
	Memory   *memory.Service
	Facts    *facts.Service
	Recall   *recall.Service
	Sealing  *sealing.Service
	Audit    *audit.Service // nil: there is no audit log
	Webhooks *webhooks.Service
}

// Check is a part that the server depends on, as /readyz shows it.
type Check struct {
	Name     string
	Required bool // writes need it: while it is down, the server is not ready
	Ping     func(ctx context.Context) error
}

// Deps are what the adapter itself works with.
type Deps struct {
	Idempotency ports.Idempotency
	Clock       ports.Clock
	IDs         *core.IDs
	Log         *slog.Logger
	Checks      []Check
	// Observe is told of every request; nil for nobody.
	Observe Observer
	// Trace follows every request; nil for nobody.
	Trace Tracer
	// MCP answers the Model Context Protocol at /mcp, for the caller in the
	// request's context (core.CallerOf). Nil: the path is not there.
	MCP http.Handler
	// Console is the files of the web console at /console, index.html its page.
	// Nil: there is none.
	Console fs.FS
}

// Observer counts requests. It must not keep them waiting.
type Observer interface {
	Begin()
	// End is told the route's pattern, never the path, and the code of the
	// problem that was answered with, "" for none.
	End(method, route string, status int, code string, took time.Duration)
}

// Tracer follows requests through what they do. It must not keep them waiting.
type Tracer interface {
	// Begin gives the context of what a request does. header gives a header of
	// the request, "" for none.
	Begin(ctx context.Context, method string, header func(name string) string) context.Context
	// End is told what came of it, with that context: see Observer. tenant is
	// the caller's id, "" for none.
	End(ctx context.Context, method, route string, status int, code, tenant string)
}

// Server serves the API. Its methods are safe for concurrent use.
type Server struct {
	Services
	Deps
	cfg      Config
	app      *fiber.App
	route    fasthttp.RequestHandler
	token    [sha256.Size]byte
	cors     map[string]bool
	openAPI  []byte
	docs     page
	console  map[string]consoleFile
	draining atomic.Bool
	base     context.Context //nolint:containedctx // the parent of every request's context
	abort    context.CancelFunc
}

// New makes a server that listens to nothing yet. It fails only when the API's
// own description is broken.
func New(cfg Config, services Services, deps Deps) (*Server, error) {
	cfg = cfg.withDefaults()
	s := &Server{Services: services, Deps: deps, cfg: cfg, token: sha256.Sum256([]byte(cfg.RegistrationToken)), cors: map[string]bool{}}
	s.base, s.abort = context.WithCancel(context.Background())
	for _, origin := range cfg.CORSOrigins {
		s.cors[origin] = true
	}
	table := routes()
	d, err := describe(cfg.Version)
	if err != nil {
		return nil, err
	}
	s.openAPI, s.docs = d.openAPI, d.docs
	if s.console, err = readConsole(deps.Console); err != nil {
		return nil, fmt.Errorf("reading the console: %w", err)
	}
	s.app = fiber.New(fiberConfig(cfg, s.routingError))
	for i := range table {
		s.addRoute(&table[i])
	}
	if deps.Console != nil {
		s.addConsole()
	}
	if deps.MCP != nil {
		s.app.All(pathMCP, s.serveMCP)
	}
	s.route = s.app.Handler()
	s.configure(s.app.Server())
	return s, nil
}

func (c Config) withDefaults() Config {
	or := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	or(&c.RequestTimeout, 30*time.Second)
	or(&c.ExportTimeout, 10*time.Minute)
	or(&c.ReadTimeout, 30*time.Second)
	or(&c.WriteTimeout, 30*time.Second)
	or(&c.IdleTimeout, time.Minute)
	if c.MaxConnections == 0 {
		c.MaxConnections = 65536
	}
	return c
}

// fiberConfig leaves nothing at Fiber's defaults that are unlimited, and routes
// on the path as it was sent: an encoded slash or dot never changes the route.
func fiberConfig(cfg Config, onError fiber.ErrorHandler) fiber.Config {
	return fiber.Config{
		Immutable:                    true,
		StrictRouting:                true,
		CaseSensitive:                true,
		UnescapePath:                 false,
		BodyLimit:                    core.MaxBodyBytes,
		ReadBufferSize:               readBuffer,
		ReadTimeout:                  cfg.ReadTimeout,
		IdleTimeout:                  cfg.IdleTimeout,
		Concurrency:                  cfg.MaxConnections,
		DisablePreParseMultipartForm: true,
		DisableStartupMessage:        true,
		DisableDefaultContentType:    true,
		EnableTrustedProxyCheck:      true,
		ErrorHandler:                 onError,
	}
}

func (s *Server) configure(server *fasthttp.Server) {
	server.Handler = s.handle
	server.ErrorHandler = s.protocolError
	server.NoDefaultServerHeader = true
	server.CloseOnShutdown = true
	server.SecureErrorLogMessage = true
}

// addRoute adds a route, and HEAD beside GET.
func (s *Server) addRoute(rt *route) {
	path := fiberPath(rt.path)
	s.app.Add(rt.method, path, s.serve(rt))
	if rt.method == fiber.MethodGet {
		s.app.Add(fiber.MethodHead, path, s.serve(rt))
	}
}

// fiberPath writes /users/{user_id} as Fiber does. The "ext:" before a
// reference is not part of the pattern, because a client may send its colon
// percent-encoded; the handler looks at it.
func fiberPath(path string) string {
	return strings.NewReplacer("ext:{", ":", "{", ":", "}", "").Replace(path)
}

// Serve answers requests on ln until Shutdown; then it returns nil. When ctx
// ends, every request under way is cut short.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	defer context.AfterFunc(ctx, s.abort)()
	return s.app.Listener(listener{Listener: ln, writeTimeout: s.cfg.WriteTimeout})
}

// Handler answers a request that comes by no listener of Serve's.
func (s *Server) Handler() fasthttp.RequestHandler { return s.handle }

// Drain makes /readyz answer 503, so that a load balancer sends no more, and
// every answer the last of its connection. The server goes on serving: what is
// sent on a connection just as it closes would be lost, so that Shutdown is best
// called once clients have gone elsewhere.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown drains, stops accepting, lets the requests under way finish, and
// returns when they have, or with ctx's error when it is done first: then what
// is left is cut short.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	defer s.abort()
	return s.app.ShutdownWithContext(ctx)
}
