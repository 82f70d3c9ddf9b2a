package backend

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// MasterName is what Sentinels call the master they watch.
const MasterName = "raven"

// sentinels is how many watch; two of them decide.
const sentinels = 3

// Sentinel is a Redis with replicas of a test's own, watched by three
// Sentinels.
type Sentinel struct {
	// Servers are the Redis servers, at first the master and its replicas.
	Servers []*RedisServer
	// Sentinels are who watches.
	Sentinels []*Server

	t testing.TB
}

// RedisSentinel starts a master, one replica or as many as Replicas says, and
// three Sentinels that know all of them. It takes no TLS.
func RedisSentinel(t testing.TB, opts ...RedisOption) *Sentinel {
	t.Helper()
	opts = append([]RedisOption{RedisHere, Replicas(1)}, opts...)
	o := redisOptionsOf(opts)
	if o.tls {
		t.Fatal("Sentinels with TLS are not to be had")
	}
	master := Redis(t, opts...)
	s := &Sentinel{t: t, Servers: []*RedisServer{master}}
	for range o.replicas {
		s.Servers = append(s.Servers, Redis(t, append(opts, ReplicaOf(master))...))
	}
	for range sentinels {
		one, err := launchSentinel(master)
		if err != nil {
			t.Fatal(err)
		}
		one.attach(t)
		s.Sentinels = append(s.Sentinels, one)
	}
	if err := eventually(s.ready); err != nil {
		t.Fatalf("the Sentinels do not find each other: %v", err)
	}
	return s
}

func launchSentinel(master *RedisServer) (*Server, error) {
	return launch("sentinel", func(s *Server) error {
		s.answer = func() error {
			_, err := sentinelDo(s, "PING")
			return err
		}
		port := fmt.Sprint(master.port)
		settings := []setting{
			{"bind", "127.0.0.1"},
			{"port", fmt.Sprint(s.port)},
			{"dir", s.dir},
			{"sentinel", "monitor", MasterName, "127.0.0.1", port, "2"},
			{"sentinel", "down-after-milliseconds", MasterName, "1000"},
			{"sentinel", "failover-timeout", MasterName, "10000"},
		}
		if password := master.options.password; password != "" {
			settings = append(settings, setting{"sentinel", "auth-pass", MasterName, password})
		}
		return s.runProgram("sentinel.conf", settings, "--sentinel")
	})
}

func sentinelDo(s *Server, args ...any) (string, error) {
	return login{addr: s.Addr()}.do(args...)
}

// ready tells whether every Sentinel knows the other two and all replicas, and
// so can fail over.
func (s *Sentinel) ready() error {
	for _, one := range s.Sentinels {
		if _, err := sentinelDo(one, "SENTINEL", "CKQUORUM", MasterName); err != nil {
			return err
		}
		state, err := sentinelDo(one, "SENTINEL", "MASTER", MasterName)
		if err != nil {
			return err
		}
		for _, want := range []string{
			fmt.Sprintf("num-slaves %d ", len(s.Servers)-1),
			fmt.Sprintf("num-other-sentinels %d ", sentinels-1),
			"flags master ",
		} {
			if !strings.Contains(state, want) {
				return fmt.Errorf("%s does not say %q: %s", one.Addr(), want, state)
			}
		}
	}
	return nil
}

// Addrs are the Sentinels' addresses.
func (s *Sentinel) Addrs() (addrs []string) {
	for _, one := range s.Sentinels {
		addrs = append(addrs, one.Addr())
	}
	return addrs
}

// URL is redis+sentinel:// with the Sentinels, the master's name and database 0.
// A user and password in it are those of the Redis servers.
func (s *Sentinel) URL() string {
	return urlOf("redis+sentinel", s.Addrs(), s.Servers[0].options, "/"+MasterName+"/0")
}

func urlOf(scheme string, addrs []string, o redisOptions, path string) string {
	u := url.URL{Scheme: scheme, Host: strings.Join(addrs, ","), Path: path, User: o.userinfo()}
	return u.String()
}

// Master is the server that the Sentinels agree is the master, and that says so
// itself.
func (s *Sentinel) Master() *RedisServer {
	s.t.Helper()
	var master *RedisServer
	err := eventually(func() (err error) {
		master, err = s.master()
		return err
	})
	if err != nil {
		s.t.Fatalf("finding the master: %v", err)
	}
	return master
}

func (s *Sentinel) master() (*RedisServer, error) {
	agreed := ""
	for _, one := range s.Sentinels {
		said, err := sentinelDo(one, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MasterName)
		if err != nil {
			return nil, err
		}
		if agreed != "" && said != agreed {
			return nil, fmt.Errorf("the Sentinels name %s and %s", agreed, said)
		}
		agreed = said
	}
	for _, r := range s.Servers {
		if agreed == fmt.Sprintf("[127.0.0.1 %d]", r.port) {
			err := r.says("INFO replication", "role:master")
			return r, err
		}
	}
	return nil, fmt.Errorf("the Sentinels name %s", agreed)
}

// Failover kills the master and waits until another is in its place. The killed
// one may be restarted and then follows.
func (s *Sentinel) Failover() (killed, promoted *RedisServer) {
	s.t.Helper()
	killed = s.Master()
	killed.Kill()
	return killed, s.promoted(killed)
}

// SwitchOver has the Sentinels replace a master that lives, as an operator
// would, and waits until it follows the new one.
func (s *Sentinel) SwitchOver() (demoted, promoted *RedisServer) {
	s.t.Helper()
	demoted = s.Master()
	err := eventually(func() error {
		_, err := sentinelDo(s.Sentinels[0], "SENTINEL", "FAILOVER", MasterName)
		return err
	})
	if err != nil {
		s.t.Fatalf("asking for a failover: %v", err)
	}
	promoted = s.promoted(demoted)
	if err := eventually(func() error { return demoted.says("INFO replication", "role:slave") }); err != nil {
		s.t.Fatalf("the old master does not follow: %v", err)
	}
	return demoted, promoted
}

func (s *Sentinel) promoted(old *RedisServer) *RedisServer {
	s.t.Helper()
	var master *RedisServer
	err := eventually(func() (err error) {
		if master, err = s.master(); master == old {
			return fmt.Errorf("%s is still the master", old.Addr())
		}
		return err
	})
	if err != nil {
		s.t.Fatalf("no other master: %v\n%s", err, s.Sentinels[0].Logs())
	}
	return master
}
