package redis

import (
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// connect makes a client that runs a command again so many times when its
// reply is lost; -1 for never. It dials nothing yet.
func (t target) connect(retries int) goredis.UniversalClient {
	switch t.topology {
	case "sentinel":
		return goredis.NewFailoverClient(t.failover(retries))
	case "cluster":
		return goredis.NewClusterClient(t.cluster(retries))
	default:
		return goredis.NewClient(t.single(retries))
	}
}

func maintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

func (t target) single(retries int) *goredis.Options {
	return &goredis.Options{
		Addr: t.hosts[0], Username: t.user, Password: t.password, DB: t.db, TLSConfig: t.tls,
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: maintenance(),
		MaxRetries: retries, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: dialTimeout, ReadTimeout: readTimeout + t.wait, WriteTimeout: writeTimeout,
		PoolSize: t.pool, MaxActiveConns: t.pool, PipelinePoolSize: -1,
		PoolTimeout: poolTimeout, ConnMaxIdleTime: idleTimeout,
	}
}

func (t target) failover(retries int) *goredis.FailoverOptions {
	return &goredis.FailoverOptions{
		MasterName: t.master, SentinelAddrs: t.hosts,
		SentinelUsername: t.sentinelUser, SentinelPassword: t.sentinelPass,
		Username: t.user, Password: t.password, DB: t.db, TLSConfig: t.tls,
		Protocol: 2, DisableIdentity: true,
		MaxRetries: retries, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: dialTimeout, ReadTimeout: readTimeout + t.wait, WriteTimeout: writeTimeout,
		PoolSize: t.pool, MaxActiveConns: t.pool, PipelinePoolSize: -1,
		PoolTimeout: poolTimeout, ConnMaxIdleTime: idleTimeout,
	}
}

// cluster leaves MaxRedirects as it is, because a command that a node did not
// take is to go to the next; NoRetry keeps one from running twice.
func (t target) cluster(retries int) *goredis.ClusterOptions {
	return &goredis.ClusterOptions{
		Addrs: t.hosts, Username: t.user, Password: t.password, TLSConfig: t.tls,
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: maintenance(), DisableRoutingPolicies: true,
		MaxRetries: retries, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: dialTimeout, ReadTimeout: readTimeout + t.wait, WriteTimeout: writeTimeout,
		PoolSize: t.pool, MaxActiveConns: t.pool, PipelinePoolSize: -1,
		PoolTimeout: poolTimeout, ConnMaxIdleTime: idleTimeout,
	}
}
