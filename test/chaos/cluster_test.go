package chaos

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/test/backend"
)

// cluster is a Redis Cluster of three masters with a replica each. A proxy
// stands before every node, which the cluster tells its clients of, and its
// replicas: its bus alone goes around them.
type cluster struct {
	*backend.Cluster
	t       *testing.T
	proxies []*backend.ProxyServer
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{Cluster: backend.RedisCluster(t, backend.Replicas(1)), t: t}
	for _, n := range c.Nodes {
		p := backend.Proxy(t, n.Addr())
		c.proxies = append(c.proxies, p)
		_, proxied, _ := net.SplitHostPort(p.Addr())
		_, own, _ := net.SplitHostPort(n.Addr())
		port, _ := strconv.Atoi(own)
		for _, command := range [][]any{
			{"CONFIG", "SET", "cluster-announce-port", proxied},
			{"CONFIG", "SET", "cluster-announce-bus-port", port + 10_000},
			{"CONFIG", "REWRITE"},
		} {
			if _, err := c.ask(n, command...); err != nil {
				t.Fatalf("%v: %v", command, err)
			}
		}
	}
	c.wait("tell of the proxies", c.announced)
	return c
}

// url names the proxies.
func (c *cluster) url() string { return "redis+cluster://" + strings.Join(c.addrs(), ",") }

func (c *cluster) addrs() (list []string) {
	for _, p := range c.proxies {
		list = append(list, p.Addr())
	}
	return list
}

// ask sends a node a command, around its proxy.
func (c *cluster) ask(n *backend.RedisServer, args ...any) (any, error) {
	client := goredis.NewClient(&goredis.Options{
		Addr: n.Addr(), MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: time.Second,
	})
	defer client.Close()
	return client.Do(context.Background(), args...).Result()
}

// wait waits until the cluster does something.
func (c *cluster) wait(what string, does func() error) {
	c.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := does()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("the cluster does not %s: %v", what, err)
		}
	}
}

// announced reports whether every node tells of the proxies alone.
func (c *cluster) announced() error {
	for _, n := range c.Nodes {
		nodes, err := c.ask(n, "CLUSTER", "NODES")
		if err != nil {
			return err
		}
		for _, p := range c.proxies {
			if !strings.Contains(fmt.Sprint(nodes), p.Addr()+"@") {
				return fmt.Errorf("%s does not know %s", n.Addr(), p.Addr())
			}
		}
	}
	return nil
}

// whole reports whether three masters serve, with a replica each that follows.
func (c *cluster) whole() error {
	followed := 0
	for _, n := range c.Nodes {
		info, err := c.ask(n, "INFO", "replication")
		if err != nil {
			return err
		}
		if strings.Contains(fmt.Sprint(info), "state=online") {
			followed++
		}
		state, err := c.ask(n, "CLUSTER", "INFO")
		if err != nil {
			return err
		}
		if !strings.Contains(fmt.Sprint(state), "cluster_state:ok") {
			return fmt.Errorf("%s: %v", n.Addr(), state)
		}
	}
	if followed != len(c.Nodes)/2 {
		return fmt.Errorf("%d masters are followed", followed)
	}
	return nil
}

// beWhole waits: only a master that is followed can be replaced.
func (c *cluster) beWhole() {
	c.t.Helper()
	c.wait("recover", c.whole)
}

// replaced reports whether a node that is not the one serves a key.
func (c *cluster) replaced(key string, one *backend.RedisServer) error {
	var err error
	for _, n := range c.Nodes {
		if n == one {
			continue
		}
		if _, err = c.ask(n, "EXISTS", key); err == nil {
			return nil
		}
	}
	return err
}

// harm is what may be done to the cluster.
func (c *cluster) harm(w *world) {
	w.store = goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: c.addrs()})
	c.t.Cleanup(func() { _ = w.store.Close() })
	key := func() string { return "tenant:{" + w.tenants[w.rand.IntN(len(w.tenants))].id + "}" }
	w.add(fault{"master killed", func() {
		c.beWhole()
		killed := c.KillMaster(key())
		w.hold(0, 500)
		c.Revive(killed)
		c.beWhole()
	}}, fault{"master frozen, and replaced", func() {
		c.beWhole()
		key := key()
		frozen := c.Master(key)
		frozen.Freeze()
		c.wait("replace a frozen master", func() error { return c.replaced(key, frozen) })
		w.hold(0, 1000)
		frozen.Thaw()
		c.beWhole()
	}}, fault{"replica killed", func() {
		c.beWhole()
		for _, n := range c.Nodes {
			if info, err := c.ask(n, "INFO", "replication"); err == nil && strings.Contains(fmt.Sprint(info), "role:slave") {
				n.Kill()
				w.hold(0, 1000)
				n.Restart()
				return
			}
		}
	}}, fault{"master out of memory", func() {
		n := c.Master(key())
		_, _ = c.ask(n, "CONFIG", "SET", "maxmemory", "1")
		w.hold(200, 1200)
		_, _ = c.ask(n, "CONFIG", "SET", "maxmemory", "0")
	}})
	w.harmLinks("redis", c.proxies...)
}
