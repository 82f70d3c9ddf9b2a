package backend

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// slots is how many a cluster has.
const slots = 16384

// masters is how many hold them.
const masters = 3

// Cluster is a Redis Cluster of a test's own.
type Cluster struct {
	// Nodes are the three masters that the cluster began with, then their
	// replicas, those of the first master first.
	Nodes []*RedisServer

	t    testing.TB
	dead map[*RedisServer]bool // killed by KillMaster
}

// RedisCluster starts three masters that hold all slots between them, and
// replicas where Replicas asks for them. It takes no TLS.
func RedisCluster(t testing.TB, opts ...RedisOption) *Cluster {
	t.Helper()
	opts = append([]RedisOption{
		RedisHere,
		Set("databases", "1"),
		Set("cluster-enabled", "yes"),
		Set("cluster-node-timeout", "2000"),
		Set("cluster-replica-validity-factor", "0"),
		Set("cluster-allow-replica-migration", "no"),
	}, opts...)
	o := redisOptionsOf(opts)
	c := &Cluster{t: t, dead: map[*RedisServer]bool{}}
	if o.tls {
		t.Fatal("a cluster with TLS is not to be had")
	}
	for range masters * (1 + o.replicas) {
		c.Nodes = append(c.Nodes, Redis(t, opts...))
	}
	if err := c.form(); err != nil {
		t.Fatalf("forming a cluster: %v", err)
	}
	return c
}

// form makes the nodes one cluster.
func (c *Cluster) form() error {
	first := c.Nodes[0]
	for i, n := range c.Nodes {
		if _, err := n.do("CLUSTER", "SET-CONFIG-EPOCH", i+1); err != nil {
			return err
		}
		if i < masters {
			from, to := i*slots/masters, (i+1)*slots/masters-1
			if _, err := n.do("CLUSTER", "ADDSLOTSRANGE", from, to); err != nil {
				return err
			}
		}
		if n == first {
			continue
		}
		if _, err := first.do("CLUSTER", "MEET", "127.0.0.1", n.port); err != nil {
			return err
		}
	}
	if err := c.settle("cluster_state:ok", fmt.Sprintf("cluster_known_nodes:%d", len(c.Nodes)), "cluster_size:3"); err != nil {
		return err
	}
	return c.replicate()
}

// replicate gives the masters their replicas, and waits until those follow.
func (c *Cluster) replicate() error {
	each := len(c.Nodes)/masters - 1
	for i, replica := range c.Nodes[masters:] {
		id, err := c.Nodes[i/each].do("CLUSTER", "MYID")
		if err != nil {
			return err
		}
		if _, err := replica.do("CLUSTER", "REPLICATE", id); err != nil {
			return err
		}
	}
	return eventually(func() error {
		for i, replica := range c.Nodes[masters:] {
			if err := replica.says("INFO replication", "role:slave", "master_link_status:up"); err != nil {
				return err
			}
			if err := c.Nodes[i/each].says("INFO replication", fmt.Sprintf("connected_slaves:%d", each)); err != nil {
				return err
			}
		}
		return c.everyNodeKnows(len(c.Nodes) - masters)
	})
}

// everyNodeKnows tells whether the replicas are known all over the cluster, so
// that a client learns of them from any node.
func (c *Cluster) everyNodeKnows(replicas int) error {
	for _, n := range c.Nodes {
		nodes, err := n.do("CLUSTER", "NODES")
		if err != nil {
			return err
		}
		if known := strings.Count(nodes, "slave "); known != replicas {
			return fmt.Errorf("%s knows %d of %d replicas", n.Addr(), known, replicas)
		}
	}
	return nil
}

// settle waits until every node that lives says all of these in CLUSTER INFO.
func (c *Cluster) settle(words ...string) error {
	return eventually(func() error {
		for _, n := range c.living() {
			if err := n.says("CLUSTER INFO", words...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *Cluster) living() []*RedisServer {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n *RedisServer) bool { return c.dead[n] })
}

// says tells whether the reply to a command has all of these lines.
func (s *RedisServer) says(command string, lines ...string) error {
	var args []any
	for word := range strings.FieldsSeq(command) {
		args = append(args, word)
	}
	reply, err := s.do(args...)
	if err != nil {
		return err
	}
	said := strings.Split(reply, "\r\n")
	for _, line := range lines {
		if !slices.Contains(said, line) {
			return fmt.Errorf("%s does not say %s:\n%s", s.Addr(), line, reply)
		}
	}
	return nil
}

// Addrs are the nodes' addresses.
func (c *Cluster) Addrs() (addrs []string) {
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr())
	}
	return addrs
}

// URL is redis+cluster:// with all nodes, dead ones too.
func (c *Cluster) URL() string { return urlOf("redis+cluster", c.Addrs(), c.Nodes[0].options, "") }

// Master is the node that serves a key now.
func (c *Cluster) Master(key string) *RedisServer {
	c.t.Helper()
	n, err := c.master(key)
	if err != nil {
		c.t.Fatalf("finding the master of %q: %v", key, err)
	}
	return n
}

func (c *Cluster) master(key string) (*RedisServer, error) {
	var err error
	for _, n := range c.living() {
		// A master that has the slot answers, every other redirects.
		if _, err = n.do("EXISTS", key); err == nil {
			return n, nil
		}
	}
	return nil, err
}

// KillMaster kills the node that serves a key and returns it. Where it has a
// replica, that serves the key, and the whole cluster is well again, on return.
func (c *Cluster) KillMaster(key string) (killed *RedisServer) {
	c.t.Helper()
	killed = c.Master(key)
	killed.Kill()
	c.dead[killed] = true
	if len(c.Nodes) == masters {
		return killed
	}
	err := eventually(func() error {
		_, err := c.master(key)
		return err
	})
	if err == nil {
		err = c.settle("cluster_state:ok", "cluster_slots_ok:"+strconv.Itoa(slots))
	}
	if err != nil {
		c.t.Fatalf("the cluster after a killed master: %v", err)
	}
	return killed
}

// Revive restarts a node that KillMaster has killed, and waits until all the
// cluster is well again.
func (c *Cluster) Revive(killed *RedisServer) {
	c.t.Helper()
	killed.Restart()
	delete(c.dead, killed)
	if err := c.settle("cluster_state:ok", "cluster_slots_ok:"+strconv.Itoa(slots)); err != nil {
		c.t.Fatalf("the cluster after a revived master: %v", err)
	}
}
