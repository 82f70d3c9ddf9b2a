package backend

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// RedisServer is a Redis of a test's own.
type RedisServer struct {
	*Server

	options redisOptions
	certs   *Certs
}

// Redis starts a Redis that ends with the test. What it acknowledges is on disk
// (appendfsync always) unless an option says otherwise.
func Redis(t testing.TB, opts ...RedisOption) *RedisServer {
	t.Helper()
	s, err := launchRedis(redisOptionsOf(opts))
	if err != nil {
		t.Fatal(err)
	}
	s.attach(t)
	return s
}

// StartRedis starts a Redis as for a test, for programs that are none; stop ends
// it.
func StartRedis(opts ...RedisOption) (s *RedisServer, stop func(), err error) {
	s, err = launchRedis(redisOptionsOf(opts))
	if err != nil {
		return nil, nil, err
	}
	return s, s.remove, nil
}

func launchRedis(o redisOptions) (*RedisServer, error) {
	s := &RedisServer{options: o}
	var err error
	s.Server, err = launch("redis", func(server *Server) error {
		s.Server = server
		server.answer = s.serves
		return s.prepare()
	})
	return s, err
}

// prepare chooses where the server runs.
func (s *RedisServer) prepare() (err error) {
	if s.options.tls {
		if s.certs, err = newCerts(s.dir); err != nil {
			return err
		}
	}
	if !s.options.local {
		// Directory, addresses and ports are the container's own.
		command := append([]string{"redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--dir", "/tmp"},
			s.options.arguments()...)
		c, err := redisImage.container(s.port, nil, command)
		if err == nil {
			s.run, s.source = c, "docker image "+redisImage.String()
			return nil
		}
		if required() {
			return err
		}
	}
	return s.runProgram("redis.conf", s.settings())
}

// runProgram makes the server a process that reads a file of settings and may
// rewrite it.
func (s *Server) runProgram(file string, settings []setting, args ...string) error {
	path, source, err := redisProgram.find()
	if err != nil {
		return err
	}
	conf, err := writeSettings(s.dir, file, settings)
	if err != nil {
		return err
	}
	s.run = &process{path: path, args: append([]string{conf}, args...), dir: s.dir, quit: syscall.SIGKILL}
	s.source = source
	return nil
}

// settings is what the server's file of settings says.
func (s *RedisServer) settings() []setting {
	all := []setting{{"bind", "127.0.0.1"}, {"dir", s.dir}}
	if s.certs == nil {
		all = append(all, setting{"port", fmt.Sprint(s.port)})
	} else {
		all = append(all, s.certs.settings(s.port)...)
	}
	return append(all, s.options.settings...)
}

// serves tries whether the server answers, and follows its master.
func (s *RedisServer) serves() error {
	if _, err := s.do("PING"); err != nil {
		return err // also while it loads its data
	}
	if s.options.master == nil {
		return nil
	}
	info, err := s.do("INFO", "replication")
	if err == nil && strings.Contains(info, "role:slave") && !strings.Contains(info, "master_link_status:up") {
		err = fmt.Errorf("the replica does not follow: %s", info)
	}
	return err
}

// do sends one command as the default user and gives the reply as text.
func (s *RedisServer) do(args ...any) (string, error) {
	l := login{addr: s.Addr(), tls: s.TLS()}
	if s.options.password != "" {
		l.user = url.UserPassword("", s.options.password)
	}
	return l.do(args...)
}

// URL is where and as whom a client connects: redis:// or rediss://, database 0.
func (s *RedisServer) URL() string {
	u := url.URL{Scheme: "redis", Host: s.Addr(), Path: "/0", User: s.options.userinfo()}
	if s.certs != nil {
		u.Scheme = "rediss"
	}
	return u.String()
}

// TLS is what a client needs to be let in; nil where the server speaks plainly.
func (s *RedisServer) TLS() *tls.Config {
	if s.certs == nil {
		return nil
	}
	return s.certs.config.Clone()
}

// Certs are the files that TLS is made of; nil where the server speaks plainly.
func (s *RedisServer) Certs() *Certs { return s.certs }

// Freeze stops the server without closing anything, as if its machine hung.
func (s *RedisServer) Freeze() {
	s.t.Helper()
	s.must("freezing", s.run.freeze())
}

// Thaw lets a frozen server go on.
func (s *RedisServer) Thaw() {
	s.t.Helper()
	s.must("thawing", s.run.thaw())
}
