package fiberhttp

import (
	"io"
	"net"
	"time"
)

const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

// listener hands out connections with a deadline for each write, so that a long
// answer may take as long as its reader keeps reading, and no longer.
type listener struct {
	net.Listener
	writeTimeout time.Duration
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, writeTimeout: l.writeTimeout}, nil
}

// conn is one connection. Its methods are called by one goroutine, save Close.
type conn struct {
	net.Conn
	writeTimeout time.Duration
	linger       bool
}

func (c *conn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Close takes in what the client is still sending when the answer came before
// the request's end. Closing at once would reset the connection, and the client
// would lose the answer.
func (c *conn) Close() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if c.linger && ok && half.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}
