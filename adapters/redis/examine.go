package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/raven-memory/raven/core"
)

// Bounds of what an examination finds in order.
const (
	certificateSoon = 14 * 24 * time.Hour
	mostSkew        = 2 * time.Second
	fullAt          = 80 // percent of maxmemory
)

// Examine looks at the servers, their settings, and what their user may do, and
// says what is wrong and how to mend it. It changes nothing, and may be run
// beside servers that use them.
func Examine(ctx context.Context, opt Options) (found core.Findings) {
	silence.Do(logging.Disable)
	to, err := opt.target()
	if err != nil {
		found.Fail("redis: URL", err.Error(), "correct store.redis.url")
		return found
	}
	client := to.connect(-1)
	defer client.Close() //nolint:errcheck // nothing was written
	e := &examination{opt: opt, to: to, turn: make(chan struct{}, 1)}
	switch client := client.(type) {
	case *goredis.ClusterClient:
		err = client.ForEachMaster(ctx, func(ctx context.Context, node *goredis.Client) error {
			e.turn <- struct{}{}
			defer func() { <-e.turn }()
			e.node(ctx, node)
			return nil
		})
		if err == nil {
			e.cluster(ctx, client)
		}
	case *goredis.Client:
		if err = client.Ping(ctx).Err(); err == nil || isReply(err) {
			e.node(ctx, client)
			err = nil
		}
	}
	if err != nil {
		e.found.Fail("redis: reachable", err.Error(), "start Redis, or correct store.redis.url, user and password, and the network between")
	}
	e.certificate(ctx)
	return e.found
}

// examination is one on its way.
type examination struct {
	opt   Options
	to    target
	turn  chan struct{}
	found core.Findings
}

func (e *examination) node(ctx context.Context, node *goredis.Client) {
	where := node.Options().Addr
	if where == "FailoverClient" {
		where = "the master that the Sentinels name"
	}
	info, err := node.InfoMap(ctx, "server", "replication", "memory", "persistence").Result()
	if err != nil {
		mend := "start it, or correct store.redis.url"
		if hasWords(err, "NOAUTH") || hasWords(err, "WRONGPASS") || hasWords(err, "NOPERM") {
			mend = "correct user and password in store.redis.url, and let the user run INFO"
		}
		e.found.Fail("redis: reachable", where+": "+err.Error(), mend)
		return
	}
	e.found.OK("redis: reachable", where)
	if err := checkVersion(info["Server"]["redis_version"], e.opt.Wait); err != nil {
		e.found.Fail("redis: version", err.Error(), "upgrade Redis")
	} else {
		e.found.OK("redis: version", info["Server"]["redis_version"])
	}
	e.role(info["Replication"], where)
	e.memory(info["Memory"])
	e.settings(ctx, node)
	e.clock(ctx, node)
	e.permissions(ctx, node)
}

func (e *examination) role(replication map[string]string, where string) {
	if role := replication["role"]; role != "master" {
		e.found.Fail("redis: role", where+" is a "+role+" and takes no writes", "name the master, or use redis+sentinel or redis+cluster, which find it")
		return
	}
	have, _ := strconv.Atoi(replication["connected_slaves"])
	switch want := e.opt.Wait.Replicas; {
	case have < want:
		e.found.Fail("redis: replicas", fmt.Sprintf("%s has %d, and store.redis.wait_replicas is %d: no change is acknowledged", where, have, want),
			"start the replicas, or lower store.redis.wait_replicas")
	case have > 0 && want == 0:
		e.found.Warn("redis: replicas", fmt.Sprintf("%s has %d, and store.redis.wait_replicas is 0: a failover may lose what was acknowledged", where, have),
			"set store.redis.wait_replicas to the number of replicas")
	default:
		e.found.OK("redis: replicas", fmt.Sprintf("%s has %d, and %d are waited for", where, have, want))
	}
}

func (e *examination) memory(memory map[string]string) {
	used, _ := strconv.ParseInt(memory["used_memory"], 10, 64)
	limit, _ := strconv.ParseInt(memory["maxmemory"], 10, 64)
	switch {
	case limit == 0:
		e.found.Warn("redis: memory", fmt.Sprintf("%d MiB are used, and maxmemory is not set: Redis may take all of the machine's", used>>20), "set maxmemory below what the machine has")
	case used*100 >= limit*fullAt:
		e.found.Warn("redis: memory", fmt.Sprintf("%d of %d MiB are used; when it is full, writes are refused", used>>20, limit>>20), "raise maxmemory, or delete what is not needed")
	default:
		e.found.OK("redis: memory", fmt.Sprintf("%d of %d MiB are used", used>>20, limit>>20))
	}
}

func (e *examination) settings(ctx context.Context, node *goredis.Client) {
	settings, err := node.ConfigGet(ctx, "*").Result()
	if err != nil || settings["maxmemory-policy"] == "" {
		detail := "the server does not tell its settings"
		if e.opt.TrustServer {
			e.found.Warn("redis: durability", detail+"; store.redis.trust_server says that somebody else answers for them", "see yourself to maxmemory-policy noeviction and an append-only file")
		} else {
			e.found.Fail("redis: durability", detail, "allow CONFIG GET to Raven's user, or set store.redis.trust_server to true and see to it yourself")
		}
		return
	}
	said := fmt.Sprintf("maxmemory-policy %s, appendonly %s, appendfsync %s", settings["maxmemory-policy"], settings["appendonly"], settings["appendfsync"])
	switch err := checkSettings(settings, e.opt); {
	case err != nil:
		e.found.Fail("redis: durability", err.Error(), "CONFIG SET it, and write it into redis.conf")
	case settings["appendfsync"] != "always" && !e.opt.Wait.AOF:
		e.found.Warn("redis: durability", said+": a crash of the machine may lose the last second", "set appendfsync to always, or store.redis.wait_aof to true")
	default:
		e.found.OK("redis: durability", said)
	}
}

func (e *examination) clock(ctx context.Context, node *goredis.Client) {
	before := time.Now()
	there, err := node.Time(ctx).Result()
	if err != nil {
		e.found.Fail("redis: clock", err.Error(), "allow TIME to Raven's user")
		return
	}
	took := time.Since(before)
	skew := there.Sub(before.Add(took/2)).Abs() - took/2
	if skew > mostSkew {
		e.found.Warn("redis: clock", fmt.Sprintf("it is %v off this machine's", skew.Round(time.Millisecond)), "run an NTP client on both")
		return
	}
	e.found.OK("redis: clock", "it agrees with this machine's")
}

// needed are the commands that the store runs, by themselves and in scripts,
// with arguments that let a server tell whether a user may run them on key k.
var needed = []string{
	"del k", "evalsha 0 1 k", "exists k", "get k", "hdel k f", "hexists k f", "hget k f", "hgetall k", "hincrby k f 0", "hkeys k",
	"hmget k f", "hset k f v", "hsetnx k f v", "persist k", "pexpire k 1", "pexpireat k 1", "ping", "pttl k", "sadd k m", "scard k",
	"set k v", "time", "unlink k", "xadd k * f v", "xdel k 1-1", "xlen k", "xrange k - +", "xrevrange k + -", "xtrim k maxlen 1",
	"zadd k 1 m", "zcard k", "zcount k 0 1", "zmscore k m", "zrange k 0 1", "zrangebylex k - +", "zrangebyscore k 0 1", "zrem k m",
	"zremrangebyrank k 0 1", "zremrangebyscore k 0 1", "zrevrange k 0 1", "zrevrangebyscore k 1 0", "zscore k m", "zunionstore k 1 k",
}

// mayRun answers which of the commands the user may not run on the key. It asks
// the server's own rules, and runs none of them.
//
//nolint:dupword // it is Lua
const mayRun = `local refused = {}
for _, command in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(command, '%S+') do table.insert(words, word == 'k' and KEYS[1] or word) end
  if not redis.acl_check_cmd(unpack(words)) then table.insert(refused, words[1]) end
end
return refused`

// permissions has the server say of each command that is needed whether the user
// may run it on keys of each kind that there is.
func (e *examination) permissions(ctx context.Context, node *goredis.Client) {
	refused := map[string]bool{}
	args := make([]any, 0, len(needed))
	for _, command := range needed {
		args = append(args, command)
	}
	for _, key := range []string{"tenant:{doctor}:users", "apikey:hash:{doctor}", "raven:{doctor}"} {
		list, err := node.Eval(ctx, mayRun, []string{key}, args...).StringSlice()
		switch {
		case isReply(err) && strings.HasPrefix(err.Error(), "MOVED"):
			continue // another node's; the user is the same on each
		case err != nil && hasWords(err, "NOPERM"):
			refused["eval"] = true
		case err != nil:
			e.found.Fail("redis: permissions", err.Error(), "")
			return
		}
		for _, command := range list {
			refused[command] = true
		}
	}
	if len(refused) > 0 {
		e.found.Fail("redis: permissions", "the user may not run "+strings.Join(slices.Sorted(maps.Keys(refused)), ", ")+", or not on Raven's keys",
			"allow them on the keys tenant:*, apikey:hash:* and raven:*, as deploy/redis/users.acl does")
		return
	}
	e.found.OK("redis: permissions", fmt.Sprintf("the user may run all %d commands that are needed", len(needed)+1))
}

func (e *examination) cluster(ctx context.Context, client *goredis.ClusterClient) {
	info, err := client.ClusterInfo(ctx).Result()
	switch {
	case err != nil:
		e.found.Fail("redis: cluster", err.Error(), "allow CLUSTER INFO to Raven's user")
	case !strings.Contains(info, "cluster_state:ok"):
		e.found.Fail("redis: cluster", "some slots are served by nobody", "bring the failed masters back, or fix the slots with redis-cli --cluster fix")
	default:
		e.found.OK("redis: cluster", "every slot is served")
	}
}

// certificate looks when the servers' certificates end.
func (e *examination) certificate(ctx context.Context) {
	if e.to.tls == nil {
		return
	}
	for _, host := range e.to.hosts {
		config := e.to.tls.Clone()
		if name, _, err := net.SplitHostPort(host); err == nil && config.ServerName == "" {
			config.ServerName = name
		}
		dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout}, Config: config}
		conn, err := dialer.DialContext(ctx, "tcp", host)
		if err != nil {
			e.found.Fail("redis: TLS", host+": "+err.Error(), "correct the server's certificate, or store.redis.ca_file, cert_file and key_file")
			continue
		}
		if c, ok := conn.(*tls.Conn); ok {
			e.found = append(e.found, certificateFinding("redis: TLS", host, c.ConnectionState().PeerCertificates))
		}
		_ = conn.Close()
	}
}

func certificateFinding(check, where string, chain []*x509.Certificate) core.Finding {
	var found core.Findings
	for _, c := range chain {
		if left := time.Until(c.NotAfter); left < certificateSoon {
			found.Warn(check, fmt.Sprintf("%s: a certificate ends on %s", where, c.NotAfter.UTC().Format(time.DateOnly)), "renew it")
			return found[0]
		}
	}
	found.OK(check, where+": the certificates are in order")
	return found[0]
}
