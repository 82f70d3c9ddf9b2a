package tenancy_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd12::/16")}

func TestWebhookURLIsCheckedBeforeItIsKept(t *testing.T) {
	t.Parallel()
	strict := tenancy.WebhookRules{}
	inside := tenancy.WebhookRules{AllowNetworks: loopback}
	plain := tenancy.WebhookRules{AllowNetworks: loopback, AllowHTTP: true}
	for _, c := range []struct {
		rules tenancy.WebhookRules
		url   string
		wrong string // "" for nothing
	}{
		{strict, "https://hooks.example.com/raven?a=b", ""},
		{strict, "https://hooks.example.com:8443", ""},
		{strict, "HTTPS://Hooks.Example.Com./x", ""},
		{strict, "https://8.8.8.8/", ""},
		{strict, "https://[2606:4700:4700::1111]:443/", ""},
		{strict, "https://localhost/", ""}, // a name is checked when connecting
		{strict, "https://bücher.example/", ""},
		{strict, "http://hooks.example.com/", "must begin with https"},
		{strict, "ftp://hooks.example.com/", "must begin with https"},
		{strict, "file:///etc/passwd", "must be an https URL"},
		{strict, "hooks.example.com", "must be an https URL"},
		{strict, "//hooks.example.com", "must begin with https"},
		{strict, "https://", "must be an https URL"},
		{strict, "https:///path", "must be an https URL"},
		{strict, "https://:443/", "must be an https URL"},
		{strict, "https://a b/", "must be an https URL"},
		{strict, "https://a\n.example/", "must be an https URL"},
		{strict, "https://[::1", "must be an https URL"},
		{strict, "https://user@hooks.example.com/", "user name"},
		{strict, "https://user:pass@hooks.example.com/", "user name"},
		{strict, "https://@hooks.example.com/", "user name"},
		{strict, "https://hooks.example.com/#part", "fragment"},
		{strict, "https://hooks.example.com:0/", "port"},
		{strict, "https://hooks.example.com:65536/", "port"},
		{strict, "https://hooks.example.com:/", "port"},
		{strict, "https://2130706433/", "name or an IP address"},
		{strict, "https://0x7f000001/", "name or an IP address"},
		{strict, "https://0177.0.0.1/", "name or an IP address"},
		{strict, "https://127.1/", "name or an IP address"},
		{strict, "https://127.0.0.1./", "name or an IP address"},
		{strict, "https://hooks.0x1/", "name or an IP address"},
		{strict, "https://127.0.0.1/", "special address"},
		{strict, "https://10.1.2.3/", "special address"},
		{strict, "https://169.254.169.254/latest", "special address"},
		{strict, "https://100.64.0.1/", "special address"},
		{strict, "https://[::1]/", "special address"},
		{strict, "https://[::ffff:169.254.169.254]/", "special address"},
		{strict, "https://[64:ff9b::7f00:1]/", "special address"},
		{strict, "https://[2002:7f00:1::]/", "special address"},
		{strict, "https://[fd00:ec2::254]/", "special address"},
		{strict, "https://[fe80::1%25eth0]/", "special address"},
		{strict, "https://hooks.example.com/" + strings.Repeat("a", core.MaxURLBytes), "longer"},
		{inside, "https://127.0.0.1:9000/", ""},
		{inside, "https://[::ffff:127.0.0.1]/", ""},
		{inside, "https://[fd12::1]/", ""},
		{inside, "https://10.0.0.1/", "special address"},
		{inside, "http://127.0.0.1/", "must begin with https"},
		{plain, "http://127.0.0.1:9000/", ""},
		{plain, "http://receiver.internal/", ""},
		{plain, "http://10.0.0.1/", "special address"},
		{plain, "http://8.8.8.8/", "must begin with https"},
		{plain, "ftp://127.0.0.1/", "must begin with https"},
	} {
		got := c.rules.Check(c.url)
		if (got == "") != (c.wrong == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("%.80s: %q, want %q", c.url, got, c.wrong)
		}
	}
}

// FuzzWebhookURL finds no URL that is kept although what a client would make of
// it leads to a forbidden address, or carries a secret.
func FuzzWebhookURL(f *testing.F) {
	for _, seed := range []string{
		"https://hooks.example.com/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]:1/", "https://0x7f.1/", "https://a@b/", "http://10.0.0.1#x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if (tenancy.WebhookRules{}).Check(raw) != "" {
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Hostname() == "" {
			t.Fatalf("%q was kept", raw)
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && !core.PublicAddress(addr) {
			t.Fatalf("%q was kept", raw)
		}
	})
}
