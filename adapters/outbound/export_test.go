package outbound

import "net/netip"

// Own and ParseRetryAfter are what they are named for.
var (
	Own             = own
	ParseRetryAfter = parseRetryAfter
)

// PublicAllows reports whether who may reach the public internet may reach an address,
// on a machine that has an own one.
func PublicAllows(addr, own netip.Addr) bool {
	return guard{public: true, own: func(a netip.Addr) bool { return a == own }}.allows(addr)
}
