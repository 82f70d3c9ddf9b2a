package backend

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// ProxyServer stands between a client and a server and harms what passes.
// It is safe for concurrent use.
type ProxyServer struct {
	target   string
	listener net.Listener
	pumps    sync.WaitGroup

	mu        sync.Mutex
	conns     map[*proxied]bool
	closed    bool
	blackhole bool
	delay     time.Duration
	frozen    chan struct{}    // nil unless frozen; closed by the thaw
	cut       *cutAfterRequest // nil unless armed
	limit     *limitReply      // nil unless armed
	end       *endAt           // nil unless armed
}

// cutAfterRequest waits for a request to cut a connection after.
type cutAfterRequest struct {
	containing []byte
	done       chan struct{}
}

// limitReply counts what is still let through.
type limitReply struct {
	left int
	done chan struct{}
}

// endAt counts requests up to the client's last one.
type endAt struct {
	seen, last int
	arrives    bool
}

// proxied is one connection.
type proxied struct {
	client, server net.Conn
	closed         chan struct{}
	close          func()
	cut            chan struct{} // set by a request whose reply must not pass; closed when it is cut
}

// Proxy starts a proxy in front of a TCP address; it ends with the test. It may
// stand in front of a server that is restarted.
func Proxy(t testing.TB, target string) *ProxyServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &ProxyServer{target: target, listener: listener, conns: map[*proxied]bool{}}
	p.pumps.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		p.Cut()
		p.pumps.Wait()
	})
	return p
}

// Addr is where clients connect.
func (p *ProxyServer) Addr() string { return p.listener.Addr().String() }

// Cut closes all connections. New ones are let in.
func (p *ProxyServer) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.close()
	}
}

// Blackhole swallows, while it is on, every byte of both directions. The
// connections stay open, and new ones are taken.
func (p *ProxyServer) Blackhole(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blackhole = on
}

// Freeze holds back, while it is on, every byte of both directions. Off, all that
// was held goes on, however late; save what is of connections that Cut closed.
// New connections are taken and held.
func (p *ProxyServer) Freeze(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && p.frozen == nil:
		p.frozen = make(chan struct{})
	case !on && p.frozen != nil:
		close(p.frozen)
		p.frozen = nil
	}
}

// Delay holds every piece of a reply back for d; 0 for none.
func (p *ProxyServer) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// CutAfterRequest lets the next request through, waits for its reply, and
// closes the connection in place of passing that on: the server has done what
// the client cannot know of. With words, it is the next request that has the
// first of them in it. A new connection's greeting is a request as well. The
// channel is closed when the reply has come.
func (p *ProxyServer) CutAfterRequest(containing ...string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = &cutAfterRequest{done: make(chan struct{})}
	if len(containing) > 0 {
		p.cut.containing = []byte(containing[0])
	}
	return p.cut.done
}

// LimitReply passes n more bytes of replies on and then closes the connection
// that the next is for. The channel is closed when that one has come.
func (p *ProxyServer) LimitReply(n int) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = &limitReply{left: n, done: make(chan struct{})}
	return p.limit.done
}

// EndAt makes it to the server as if the client died at its request n, counted from
// 0 and from now on: before it left, or, when it arrives, before the reply came.
// What is sent at once, in one piece, is one request.
func (p *ProxyServer) EndAt(n int, arrives bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = &endAt{last: n, arrives: arrives}
}

// Revive ends what EndAt did, and reports whether it came to that.
func (p *ProxyServer) Revive() (ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended = p.end.seen > p.end.last
	p.end = nil
	return ended
}

func (p *ProxyServer) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.pumps.Go(func() { p.serve(client) })
	}
}

func (p *ProxyServer) serve(client net.Conn) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		return
	}
	c := &proxied{client: client, server: server, closed: make(chan struct{})}
	c.close = sync.OnceFunc(func() {
		close(c.closed)
		_ = client.Close()
		_ = server.Close()
	})
	defer c.close()
	if !p.add(c) {
		return
	}
	defer p.drop(c)
	p.pumps.Go(func() { p.pump(c, server, client, p.reply) })
	p.pump(c, client, server, p.request)
}

func (p *ProxyServer) add(c *proxied) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.closed
}

func (p *ProxyServer) drop(c *proxied) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// pump passes on what harm leaves of each piece, until that says to stop.
func (p *ProxyServer) pump(c *proxied, from io.Reader, to io.Writer, harm func(*proxied, []byte) (left []byte, goOn bool)) {
	defer c.close()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			p.thawed(c)
			left, goOn := harm(c, piece[:n])
			if _, err := to.Write(left); err != nil || !goOn {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// thawed waits until nothing is frozen, or for the end of the connection.
func (p *ProxyServer) thawed(c *proxied) {
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-c.closed:
		}
	}
}

func (p *ProxyServer) request(c *proxied, piece []byte) (left []byte, goOn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blackhole {
		return nil, true
	}
	if p.cut != nil && bytes.Contains(piece, p.cut.containing) {
		c.cut, p.cut = p.cut.done, nil
	}
	if p.end != nil {
		p.end.seen++
		if at := p.end.seen - 1; at > p.end.last || at == p.end.last && !p.end.arrives {
			return nil, false
		}
	}
	return piece, true
}

func (p *ProxyServer) reply(c *proxied, piece []byte) (left []byte, goOn bool) {
	p.hold(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.blackhole:
		return nil, true
	case c.cut != nil:
		close(c.cut)
		c.cut = nil
		return nil, false
	case p.end != nil && p.end.seen > p.end.last:
		return nil, false
	case p.limit == nil:
		return piece, true
	case len(piece) <= p.limit.left:
		p.limit.left -= len(piece)
		return piece, true
	default:
		left = piece[:p.limit.left]
		close(p.limit.done)
		p.limit = nil
		return left, false
	}
}

// hold waits for the delay, or the end of the connection.
func (p *ProxyServer) hold(c *proxied) {
	p.mu.Lock()
	d := p.delay
	p.mu.Unlock()
	if d > 0 {
		select {
		case <-time.After(d):
		case <-c.closed:
		}
	}
}
