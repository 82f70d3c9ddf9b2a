package backend_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
)

// echo is a server that replies with what it is asked.
func echo(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// receive reads as much as it wants, or what comes before the end or a silence.
func receive(t *testing.T, conn net.Conn, n int) (string, error) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	text := make([]byte, n)
	n, err := io.ReadFull(conn, text)
	return string(text[:n]), err
}

func wantEcho(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	send(t, conn, text)
	if got, err := receive(t, conn, len(text)); got != text {
		t.Fatalf("got %q and %v, want %q", got, err, text)
	}
}

func wantClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	if got, err := receive(t, conn, 1); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %q and %v, want a closed connection", got, err)
	}
}

func TestAProxyPassesOnAndCutsAllConnections(t *testing.T) {
	t.Parallel()
	p := backend.Proxy(t, echo(t))
	one, two := dial(t, p.Addr()), dial(t, p.Addr())
	wantEcho(t, one, "hello")
	wantEcho(t, two, "there")
	p.Cut()
	wantClosed(t, one)
	wantClosed(t, two)
	wantEcho(t, dial(t, p.Addr()), "again")
}

func TestAProxySwallowsWhileItIsABlackhole(t *testing.T) {
	t.Parallel()
	p := backend.Proxy(t, echo(t))
	conn := dial(t, p.Addr())
	wantEcho(t, conn, "hello")
	p.Blackhole(true)
	send(t, conn, "lost")
	if got, err := receive(t, conn, 1); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q and %v, want silence", got, err)
	}
	p.Blackhole(false)
	wantEcho(t, conn, "again")
}

func TestAProxyHoldsRepliesBack(t *testing.T) {
	t.Parallel()
	p := backend.Proxy(t, echo(t))
	conn := dial(t, p.Addr())
	p.Delay(50 * time.Millisecond)
	start := time.Now()
	wantEcho(t, conn, "hello")
	if took := time.Since(start); took < 50*time.Millisecond {
		t.Errorf("the reply took %v", took)
	}
}

func TestAProxyPassesPartOfAReply(t *testing.T) {
	t.Parallel()
	p := backend.Proxy(t, echo(t))
	conn := dial(t, p.Addr())
	cut := p.LimitReply(7)
	wantEcho(t, conn, "four")
	send(t, conn, "eight...")
	if got, err := receive(t, conn, 8); got != "eig" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q and %v, want three bytes and the end", got, err)
	}
	<-cut
	wantEcho(t, dial(t, p.Addr()), "again, and whole")
}

func TestAProxyCutsAfterTheServerHasDoneTheRequest(t *testing.T) {
	t.Parallel()
	server := backend.Redis(t)
	p := backend.Proxy(t, server.Addr())
	o := &redis.Options{Addr: p.Addr(), MaxRetries: -1}
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })

	cut := p.CutAfterRequest("counter")
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Fatalf("another request was cut: %v", err)
	}
	if n, err := c.Incr(t.Context(), "counter").Result(); err == nil {
		t.Errorf("the reply came: %d", n)
	}
	<-cut
	wantValue(t, c, "counter", "1")
}

func TestProxyHoldsBackWhileFrozen(t *testing.T) {
	t.Parallel()
	p := backend.Proxy(t, echo(t))
	late, lost := dial(t, p.Addr()), dial(t, p.Addr())
	for _, conn := range []net.Conn{late, lost} {
		send(t, conn, "before")
		if got, err := receive(t, conn, 6); got != "before" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	p.Freeze(true)
	p.Freeze(true)
	send(t, late, "held")
	if got, err := receive(t, late, 4); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("while frozen: %q, %v", got, err)
	}
	p.Freeze(false)
	if got, err := receive(t, late, 4); got != "held" {
		t.Errorf("after the thaw: %q, %v", got, err)
	}
	p.Freeze(true)
	send(t, lost, "held")
	p.Cut()
	p.Freeze(false)
	if got, err := receive(t, lost, 4); err == nil {
		t.Errorf("what was cut while frozen came: %q", got)
	}
	p.Freeze(false)
}
