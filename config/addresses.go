package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// address is where to listen.
func address(target *string) value {
	const allowed = "host:port, the port 0 to 65535"
	parse := func(text string) (string, error) {
		host, port, err := net.SplitHostPort(text)
		if err != nil || !plain(host) || strings.ContainsAny(host, " /@") {
			return "", refused(text, allowed)
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", refused(text, allowed)
		}
		return text, nil
	}
	return field(target, allowed, parse, func(s string) string { return s })
}

// networks is a list of addresses and networks.
func networks(target *[]netip.Prefix) value {
	const allowed = "a list of addresses and networks, such as 10.0.0.0/8, separated by commas"
	parse := func(text string) ([]netip.Prefix, error) {
		var list []netip.Prefix
		for _, item := range splitList(text) {
			prefix, err := parseNetwork(item)
			if errors.Is(err, errHostBits) {
				return nil, fmt.Errorf("%s is refused: its host bits are set; the network is %s, the address %s; allowed: %s", quote(item), prefix.Masked(), prefix.Addr(), allowed)
			}
			if err != nil {
				return nil, refused(item, allowed)
			}
			list = append(list, prefix)
		}
		return list, nil
	}
	return field(target, allowed, parse, func(list []netip.Prefix) string { return joinList(list, netip.Prefix.String) })
}

var errHostBits = errors.New("host bits are set")

// parseNetwork takes no network whose host bits are set, because it is not
// clear what was meant, and no IPv4 in IPv6's clothes, which would match nothing.
func parseNetwork(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if addr, notAddr := netip.ParseAddr(text); notAddr == nil && addr.Zone() == "" {
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	switch {
	case err != nil:
	case prefix.Addr().Is4In6():
		err = errors.New("not a network")
	case prefix != prefix.Masked():
		err = errHostBits
	}
	return prefix, err
}

// origins is a list of web origins.
func origins(target *[]string) value {
	const allowed = "a list of exact origins, such as https://app.example.com, separated by commas; " +
		"lower case, no path, no *, no port that the scheme implies"
	parse := func(text string) ([]string, error) {
		list := splitList(text)
		for _, item := range list {
			if !isOrigin(item) {
				return nil, refused(item, allowed)
			}
		}
		return list, nil
	}
	return field(target, allowed, parse, func(list []string) string { return joinList(list, strings.Clone) })
}

// isOrigin asks for the form in which a browser sends an origin, since it is
// compared as it stands.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.ContainsAny(u.Host, "*,%") || text != u.Scheme+"://"+u.Host || text != strings.ToLower(text) {
		return false
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= utf8.RuneSelf }) {
		return false
	}
	implied := map[string]string{"http": "80", "https": "443"}
	port, known := implied[u.Scheme]
	if !known || u.Port() == port || strings.HasSuffix(u.Host, ":") {
		return false
	}
	_, err = strconv.ParseUint(u.Port(), 10, 16)
	return err == nil || u.Port() == ""
}

func splitList(text string) []string {
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func joinList[T any](list []T, text func(T) string) string {
	items := make([]string, len(list))
	for i, item := range list {
		items[i] = text(item)
	}
	return strings.Join(items, ",")
}
