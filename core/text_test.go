package core_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestTextIsBoundedInItsOwnUnit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		msg  string
		ok   bool
	}{
		{"a name of 200 four-byte characters", core.CheckName(strings.Repeat("𝒳", 200)), true},
		{"a name of 201 characters", core.CheckName(strings.Repeat("x", 201)), false},
		{"an empty name", core.CheckName(""), false},
		{"a name with a line break", core.CheckName("a\nb"), false},
		{"a name with a C1 control", core.CheckName("a\u0085b"), false},
		{"a reference with spaces, slashes and colons", core.CheckExternalRef(" a/b:c{d}../é "), true},
		{"a reference with DEL", core.CheckExternalRef("a\x7f"), false},
		{"a reference that is not UTF-8", core.CheckExternalRef("a\xff"), false},
		{"content of 64 KiB", core.CheckContent(strings.Repeat("x", core.MaxContentBytes)), true},
		{"content of one byte more", core.CheckContent(strings.Repeat("x", core.MaxContentBytes+1)), false},
		{"content with line breaks", core.CheckContent("a\r\n\tb"), true},
		{"content with NUL", core.CheckContent("a\x00b"), false},
		{"an empty query", core.CheckQuery(""), false},
	} {
		if (c.msg == "") != c.ok {
			t.Errorf("%s: %q", c.name, c.msg)
		}
	}
}

func TestAddressesThatLeadInsideAreNotPublic(t *testing.T) {
	t.Parallel()
	for addr, public := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "1.1.1.1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.31.255.255": false, "192.168.0.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "255.255.255.255": false,
		"224.0.0.1": false, "198.18.0.1": false, "::1": false, "::": false, "fe80::1": false,
		"fd00:ec2::254": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "ff02::1": false,
	} {
		if got := core.PublicAddress(netip.MustParseAddr(addr)); got != public {
			t.Errorf("%s is public: %v", addr, got)
		}
	}
}
