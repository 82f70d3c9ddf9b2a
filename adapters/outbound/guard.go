package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/raven-memory/raven/core"
)

// connectTimeout bounds the connection to one address.
const connectTimeout = 5 * time.Second

// errForbidden is of an address that the operator does not let tenants reach.
var errForbidden = errors.New("outbound: the address is forbidden")

// guard decides which addresses may be connected to. It is asked with the very
// address that a socket is about to connect to, after all resolution: what a
// name led to before, or leads to after, does not matter.
type guard struct {
	networks []netip.Prefix // allowed whatever they are
	public   bool           // the public internet is allowed too, but for what is own
	own      func(netip.Addr) bool
}

func (g guard) allows(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	if slices.ContainsFunc(g.networks, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return true
	}
	return g.public && core.PublicAddress(addr) && !g.own(addr)
}

// own reports whether an address is one of this machine's. One that cannot find
// out takes it for one.
func own(addr netip.Addr) bool {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().WithZone("").Unmap() == addr {
			return true
		}
	}
	return false
}

// control is the net.Dialer's.
func (g guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" || !g.allows(to.Addr()) {
		return errForbidden
	}
	return nil
}

func (g guard) dialer(resolver *net.Resolver) *net.Dialer {
	return &net.Dialer{Timeout: connectTimeout, Resolver: resolver, ControlContext: g.control}
}
