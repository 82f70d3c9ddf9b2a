package backend

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// login is where and how a Redis is asked something. It is plainer than a
// client: one command on a connection of its own, tried once, and no log.
type login struct {
	addr     string
	tls      *tls.Config // nil speaks plainly
	user     *url.Userinfo
	database int
}

// loginOf reads a redis:// or rediss:// URL, its path apart.
func loginOf(server string) (login, error) {
	u, err := url.Parse(server)
	if err != nil {
		return login{}, err
	}
	l := login{addr: u.Host, user: u.User}
	if u.Port() == "" {
		l.addr = net.JoinHostPort(u.Hostname(), "6379")
	}
	switch u.Scheme {
	case "redis":
		return l, nil
	case "rediss":
		l.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		return l, nil
	default:
		return login{}, fmt.Errorf("a scheme that is not of Redis: %q", u.Scheme)
	}
}

// do sends a command and gives the reply as text, an array as "[a b]".
func (l login) do(args ...any) (string, error) {
	conn, err := l.dial()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	replies := bufio.NewReader(conn)
	reply := ""
	for _, command := range append(l.greeting(), args) {
		if _, err := io.WriteString(conn, request(command)); err != nil {
			return "", err
		}
		if reply, err = readReply(replies); err != nil {
			return "", err
		}
	}
	return reply, nil
}

func (l login) dial() (net.Conn, error) {
	dialer := &net.Dialer{Timeout: time.Second}
	if l.tls != nil {
		return tls.DialWithDialer(dialer, "tcp", l.addr, l.tls)
	}
	return dialer.Dial("tcp", l.addr)
}

// greeting is what a connection has to say first.
func (l login) greeting() (commands [][]any) {
	if password, ok := l.user.Password(); ok {
		name := l.user.Username()
		if name == "" {
			name = "default"
		}
		commands = append(commands, []any{"AUTH", name, password})
	}
	if l.database != 0 {
		commands = append(commands, []any{"SELECT", l.database})
	}
	return commands
}

func request(args []any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		text := fmt.Sprint(arg)
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(text), text)
	}
	return b.String()
}

// readReply reads what RESP2 knows.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return "", errors.New("an empty reply")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+', ':':
		return rest, nil
	case '-':
		return "", errors.New(rest)
	}
	n, err := strconv.Atoi(rest)
	if err != nil || n < 0 {
		return "", err
	}
	if kind == '$' {
		text := make([]byte, n+len("\r\n"))
		_, err := io.ReadFull(r, text)
		return string(text[:n]), err
	}
	items := make([]string, n)
	for i := range items {
		if items[i], err = readReply(r); err != nil {
			return "", err
		}
	}
	return "[" + strings.Join(items, " ") + "]", nil
}
