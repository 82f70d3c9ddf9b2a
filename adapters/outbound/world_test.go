package outbound_test

import (
	"context"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/outbound"
	"github.com/raven-memory/raven/core"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newClient(t *testing.T, opt outbound.Options) *outbound.Client {
	t.Helper()
	c, err := outbound.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// receiver is a server on the loopback that counts what reaches it.
type receiver struct {
	*httptest.Server
	connections, requests atomic.Int64
}

func newReceiver(t *testing.T, tls bool, handle http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.requests.Add(1)
		handle(w, req)
	}))
	r.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.connections.Add(1)
		}
	}
	if tls {
		r.EnableHTTP2 = true
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

// caFile writes the receiver's certificate as one to trust.
func (r *receiver) caFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (r *receiver) port() string { return r.URL[strings.LastIndexByte(r.URL, ':')+1:] }

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func post(t *testing.T, c *outbound.Client, url string) (int, time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return c.Post(ctx, url, map[string]string{"webhook-id": "evt_1"}, []byte(`{}`))
}

// wantForbidden checks that a request was refused for where it leads, in words
// that show nothing of it.
func wantForbidden(t *testing.T, url string, err error) {
	t.Helper()
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.CodeUnavailable || !strings.Contains(e.Message, "may not go to") {
		t.Errorf("%s: %v", url, err)
	}
}

// names is a DNS server of the test's own: each look-up of an IPv4 address gets
// the next of the answers, and the last for ever after. It knows no IPv6.
type names struct {
	conn    net.PacketConn
	answers [][]netip.Addr
	asked   atomic.Int64
}

func newNames(t *testing.T, answers ...[]netip.Addr) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{conn: conn, answers: answers}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.serve()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return n
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

func (n *names) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if reply := n.reply(buf[:size]); reply != nil {
			_, _ = n.conn.WriteTo(reply, from)
		}
	}
}

// reply answers a query of one question (RFC 1035): its header and question
// again, then an answer for each address.
func (n *names) reply(query []byte) []byte {
	const header, typeA = 12, 1
	end := header
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	if end += 5; end > len(query) {
		return nil
	}
	var addrs []netip.Addr
	if binary.BigEndian.Uint16(query[end-4:]) == typeA {
		turn := min(n.asked.Add(1), int64(len(n.answers)))
		addrs = n.answers[turn-1]
	}
	reply := append([]byte{}, query[:end]...)
	reply[2], reply[3] = 0x81, 0x80
	binary.BigEndian.PutUint16(reply[6:], uint16(len(addrs)))
	binary.BigEndian.PutUint16(reply[10:], 0)
	for _, a := range addrs {
		reply = append(reply, 0xc0, header, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, a.AsSlice()...)
	}
	return reply
}
