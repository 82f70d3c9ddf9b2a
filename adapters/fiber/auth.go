package fiberhttp

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/quotas"
)

// maxAuthorization bounds the header before anything is made of it.
const maxAuthorization = 256

// access says who may use a route.
type access int

const (
	accessPublic       access = iota + 1 // anybody
	accessRegistration                   // whom the operator's registration mode lets
	accessKey                            // who has an API key with the route's scopes
)

// admit decides whether the request may go on: who calls, then how often, then
// with what right.
func (s *Server) admit(rt *route, r *request) error {
	switch rt.access {
	case accessPublic:
		return nil
	case accessRegistration:
		return s.admitRegistration(r)
	default:
	}
	if err := s.authenticate(r); err != nil {
		return err
	}
	var err error
	r.limit, err = s.Quotas.Tenant(r.ctx, r.caller)
	rateHeaders(r.limit, r.x.http.Response.Header.Set)
	if err != nil {
		return err
	}
	return r.caller.Require(rt.scopes)
}

// authenticate finds the caller. Requests without a valid key are charged to
// their address, and an address that has spent its share is not looked up.
func (s *Server) authenticate(r *request) error {
	addr := s.clientAddress(r)
	token, err := bearer(r)
	if err == nil {
		if d, err := s.Quotas.CheckAddress(r.ctx, addr); err != nil {
			return r.tooMany(d, err)
		}
		r.caller, err = s.Keys.Authenticate(r.ctx, token)
	}
	if core.Is(err, core.CodeUnauthenticated) || core.Is(err, core.CodeTenantSuspended) {
		if d, tooMany := s.Quotas.ChargeAddress(r.ctx, addr); tooMany != nil {
			return r.tooMany(d, tooMany)
		}
	}
	r.x.tenant, r.x.key = r.caller.Tenant, r.caller.Key
	return err
}

// tooMany puts the state of an address's limit beside its refusal. Other answers
// do not tell it: what they state is the tenant's.
func (r *request) tooMany(d quotas.Decision, err error) error {
	rateHeaders(d, r.x.http.Response.Header.Set)
	return err
}

// bearer gives the one token of the Authorization header.
func bearer(r *request) (string, error) {
	values := r.header(fiber.HeaderAuthorization)
	if len(values) != 1 || len(values[0]) > maxAuthorization {
		return "", core.Unauthenticated("there is no Authorization header, more than one, or one that is too long")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", core.Unauthenticated("the Authorization header is not a bearer token")
	}
	return token, nil
}

// admitRegistration lets a registration through as the operator chose.
func (s *Server) admitRegistration(r *request) error {
	if d, err := s.Quotas.ChargeAddress(r.ctx, s.clientAddress(r)); err != nil {
		return r.tooMany(d, err)
	}
	switch s.cfg.Registration {
	case RegistrationOpen:
		return nil
	case RegistrationToken:
		token, err := bearer(r)
		given := sha256.Sum256([]byte(token))
		if err != nil || subtle.ConstantTimeCompare(given[:], s.token[:]) != 1 {
			return registrationTokenNeeded()
		}
		return nil
	default:
		return core.NewError(core.CodeRegistrationClosed, "This deployment takes no registrations; its operator makes tenants.")
	}
}

func registrationTokenNeeded() error {
	e := core.Unauthenticated("the operator's registration token is missing or wrong")
	e.Message = "The operator's registration token is needed, not an API key: Authorization: Bearer <registration token>"
	return e
}

// clientAddress is where the request came from. X-Forwarded-For is read from
// its end, and only as far as proxies that the operator named wrote it: what
// stands before that, a client may have made up.
func (s *Server) clientAddress(r *request) netip.Addr {
	addr := connAddress(r.x.http.RemoteAddr())
	values := r.header(fiber.HeaderXForwardedFor)
	if len(values) == 0 {
		return addr
	}
	hops := strings.Split(strings.Join(values, ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.WithZone("").Unmap()
	}
	return addr
}

func connAddress(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.IPv6Unspecified()
	}
	return tcp.AddrPort().Addr().WithZone("").Unmap()
}

func (s *Server) trusted(addr netip.Addr) bool {
	for _, p := range s.cfg.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// rateHeaders writes the fields of the IETF's draft "RateLimit header fields
// for HTTP". After a refusal the time is that of the next request, so that it
// is never later than Retry-After.
func rateHeaders(d quotas.Decision, set func(name, value string)) {
	if !d.Limited {
		return
	}
	until := d.Reset
	if !d.Allowed {
		until = d.RetryAfter
	}
	set("RateLimit-Policy", `"`+d.Policy+`";q=`+strconv.FormatInt(d.Limit, 10)+`;w=60`)
	set("RateLimit", `"`+d.Policy+`";r=`+strconv.FormatInt(d.Remaining, 10)+`;t=`+strconv.FormatInt(ceilSeconds(until), 10))
}
