package core

import "net/netip"

// notPublic are the networks that a URL of a tenant's may not lead to: they are
// inside, or lead back inside: of IANA's special-purpose address registries what
// is in IPv4 and in public6, with the forms that embed an IPv4 address.
var notPublic = parsePrefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// public6 is all of IPv6 that is given out for the public internet. Outside it
// are, among others, ::/96 and ::ffff:0:0:0/96 and 64:ff9b::/32 with an IPv4
// address inside, the discard prefixes, SRv6, unique local and site-local ones.
var public6 = netip.MustParsePrefix("2000::/3")

func parsePrefixes(list ...string) []netip.Prefix {
	prefixes := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		prefixes = append(prefixes, netip.MustParsePrefix(s))
	}
	return prefixes
}

// PublicAddress reports whether an address is one of the public internet.
func PublicAddress(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	if !addr.IsGlobalUnicast() || addr.Is6() && !public6.Contains(addr) {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}
