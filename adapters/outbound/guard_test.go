package outbound_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/outbound"
	"github.com/raven-memory/raven/core"
)

func TestForbiddenAddressesAreNotConnectedTo(t *testing.T) {
	t.Parallel()
	c := newClient(t, outbound.Options{AllowHTTP: true})
	for _, host := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.254", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.8.8.8",
		"169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.192", "192.0.2.1",
		"192.88.99.1", "192.168.0.1", "192.168.255.254", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"[::]", "[::1]", "[::2]", "[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[::ffff:10.0.0.1]", "[::ffff:0:127.0.0.1]",
		"[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[100::1]", "[100:0:0:1::1]", "[2001::1]", "[2001:2::1]", "[2001:10::1]",
		"[2001:db8::1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[3fff::1]", "[5f00::1]", "[fc00::1]", "[fd00:ec2::254]",
		"[fe80::1]", "[fe80::1%25lo]", "[fec0::1]", "[ff02::1]",
	} {
		for _, scheme := range []string{"https://", "http://"} {
			_, _, err := post(t, c, scheme+host+":9/hook")
			wantForbidden(t, scheme+host, err)
		}
	}
}

func TestNoSpellingOfAnAddressGetsPast(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, false, ok)
	c := newClient(t, outbound.Options{AllowHTTP: true})
	for _, host := range []string{
		"localhost", "LOCALHOST", "localhost.", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1",
		"127.0.0.1.", "0", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "①②⑦.⓪.⓪.①",
	} {
		for _, scheme := range []string{"https://", "http://"} {
			if status, _, err := post(t, c, scheme+host+":"+r.port()+"/"); err == nil {
				t.Errorf("%s%s was answered: %d", scheme, host, status)
			}
		}
	}
	if n := r.connections.Load(); n != 0 {
		t.Errorf("%d connections reached the loopback", n)
	}
}

func TestOperatorAllowsNetworks(t *testing.T) {
	t.Parallel()
	plain, secure := newReceiver(t, false, ok), newReceiver(t, true, ok)
	for _, c := range []struct {
		name   string
		opt    outbound.Options
		url    string
		passes bool
	}{
		{"https into an allowed network", outbound.Options{AllowNetworks: loopback, CAFile: secure.caFile(t)}, secure.URL, true},
		{"http without allow_http", outbound.Options{AllowNetworks: loopback}, plain.URL, false},
		{"http into an allowed network", outbound.Options{AllowNetworks: loopback, AllowHTTP: true}, plain.URL, true},
		{"http by name into an allowed network", outbound.Options{AllowNetworks: loopback, AllowHTTP: true}, "http://localhost:" + plain.port(), true},
		{"http into another network", outbound.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, AllowHTTP: true}, plain.URL, false},
		{"http into the public internet", outbound.Options{AllowNetworks: loopback, AllowHTTP: true}, "http://1.1.1.1:9/", false},
		{"another scheme", outbound.Options{AllowNetworks: loopback, AllowHTTP: true}, strings.Replace(plain.URL, "http", "ftp", 1), false},
	} {
		status, _, err := post(t, newClient(t, c.opt), c.url)
		if !c.passes {
			wantForbidden(t, c.name, err)
		} else if err != nil || status != http.StatusNoContent {
			t.Errorf("%s: %d, %v", c.name, status, err)
		}
	}
}

// TestNameThatLeadsElsewhereLaterIsRefused flips a name between the look-up of a
// check and that of the connection.
func TestNameThatLeadsElsewhereLaterIsRefused(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, true, ok)
	public, inside := netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("127.0.0.1")
	dns := newNames(t, []netip.Addr{public}, []netip.Addr{inside})
	resolver := dns.resolver()
	if list, err := resolver.LookupHost(t.Context(), "hooks.example.com"); err != nil || len(list) != 1 || list[0] != public.String() {
		t.Fatalf("the name leads to %v, %v", list, err)
	}
	url := "https://hooks.example.com:" + r.port() + "/"
	_, _, err := post(t, newClient(t, outbound.Options{Resolver: resolver, CAFile: r.caFile(t)}), url)
	wantForbidden(t, url, err)
	if n := r.connections.Load(); n != 0 {
		t.Errorf("%d connections reached the loopback", n)
	}
	if dns.asked.Load() < 2 {
		t.Error("the name was not looked up again")
	}
	status, _, err := post(t, newClient(t, outbound.Options{Resolver: resolver, CAFile: r.caFile(t), AllowNetworks: loopback}), url)
	if err != nil || status != http.StatusNoContent {
		t.Errorf("where it is allowed: %d, %v", status, err)
	}
}

func TestOneForbiddenAddressOfSeveralIsNotConnectedTo(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, true, ok)
	dns := newNames(t, []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.1.1.1")})
	url := "https://hooks.example.com:" + r.port() + "/"
	_, _, err := post(t, newClient(t, outbound.Options{Resolver: dns.resolver(), CAFile: r.caFile(t)}), url)
	wantForbidden(t, url, err)
	if n := r.connections.Load(); n != 0 {
		t.Errorf("%d connections reached the loopback", n)
	}
}

func TestOwnPublicAddressesAreForbidden(t *testing.T) {
	t.Parallel()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, outbound.Options{})
	for _, a := range list {
		addr := netip.MustParsePrefix(a.String()).Addr()
		if !outbound.Own(addr) {
			t.Errorf("%s is not known as this machine's", addr)
		}
		url := "https://" + net.JoinHostPort(strings.ReplaceAll(addr.String(), "%", "%25"), "9") + "/"
		_, _, err := post(t, c, url)
		wantForbidden(t, url, err)
	}
	if outbound.Own(netip.MustParseAddr("1.1.1.1")) {
		t.Error("1.1.1.1 is taken for this machine")
	}
	public := netip.MustParseAddr("93.184.216.34") // which the machine of a test seldom has
	if outbound.PublicAllows(public, public) || !outbound.PublicAllows(netip.MustParseAddr("1.1.1.1"), public) {
		t.Error("this machine's public address is allowed, or another's is not")
	}
}

// TestProxyOfTheEnvironmentIsNotUsed is not parallel: it sets the environment.
func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := newReceiver(t, false, ok)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	r := newReceiver(t, false, ok)
	dns := newNames(t, []netip.Addr{netip.MustParseAddr("127.0.0.1")})
	c := newClient(t, outbound.Options{AllowNetworks: loopback, AllowHTTP: true, Resolver: dns.resolver()})
	if status, _, err := post(t, c, "http://hooks.example.com:"+r.port()+"/"); err != nil || status != http.StatusNoContent {
		t.Errorf("%d, %v", status, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, _, err := c.Post(ctx, "https://hooks.example.com:"+r.port()+"/", nil, nil)
	if !core.Is(err, core.CodeUnavailable) {
		t.Errorf("TLS with a plain server: %v", err)
	}
	if n := proxy.connections.Load(); n != 0 {
		t.Errorf("%d connections went to the proxy", n)
	}
}
