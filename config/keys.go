package config

import (
	"slices"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// Key describes one key of the configuration.
type Key struct {
	Name    string // "http.addr"
	Default string // as text; "" for none
	Doc     string // one sentence or a few
	value
}

// Env is the variable that sets the key.
func (k Key) Env() string { return envPrefix + strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_")) }

// Allowed says which values the key takes.
func (k Key) Allowed() string { return k.allowed }

// Secret reports whether the value is never shown. A secret is not taken from
// a flag.
func (k Key) Secret() bool { return k.secret }

// Table lists every key, in the order of the reference.
func Table() []Key { return new(Config).keys() }

// keys is the table: the one place where keys, defaults, bounds and their
// documentation stand, bound to the fields of c.
func (c *Config) keys() []Key {
	return slices.Concat(c.serverKeys(), c.vaultKeys(), c.storeKeys(), c.auditKeys(), c.webhookKeys(), c.domainKeys(), c.modelKeys(), c.logKeys(), c.tracingKeys())
}

func (c *Config) serverKeys() []Key {
	return []Key{
		{"http.addr", "127.0.0.1:3000",
			"Where the API listens. Port 0 picks one; the chosen address is logged.",
			address(&c.HTTP.Addr)},
		{"http.tls.cert", "",
			"PEM file of the certificate chain to serve TLS with; reloaded when it changes. Goes with `http.tls.key`.",
			path(&c.HTTP.TLS.Cert, true)},
		{"http.tls.key", "",
			"PEM file of the certificate's key.",
			path(&c.HTTP.TLS.Key, true)},
		{"http.cors_origins", "",
			"Web origins that browsers may call the API from. None: no CORS.",
			origins(&c.HTTP.CORSOrigins)},
		{"http.trusted_proxies", "",
			"Proxies whose word on the client's address is taken. None: the peer is the client.",
			networks(&c.HTTP.TrustedProxies)},
		{"http.request_timeout", "10s",
			"The longest a request may take; then it is answered 503 and stops working.",
			duration(&c.HTTP.RequestTimeout, 100*time.Millisecond, 5*time.Minute)},
		{"http.drain", "0s",
			"How long a stop goes on serving while `/readyz` answers 503 and every answer closes its connection: as long as what spreads requests over several servers needs to see it, and a second more.",
			duration(&c.HTTP.Drain, 0, 5*time.Minute)},
		{"http.shutdown_timeout", "20s",
			"How long a stop then waits for requests under way.",
			duration(&c.HTTP.ShutdownTimeout, time.Second, 10*time.Minute)},
		{"admin.addr", DefaultAdminAddr,
			"Where the operator's listener is: metrics and profiles, for whoever reaches it. A server that finds the default taken goes without.",
			address(&c.Admin.Addr)},
		{"registration.mode", "",
			"Who may register a tenant: everybody, who has `registration.token`, or nobody. " +
				"Left out it is `open` when `http.addr` is on the loopback and there is no token; elsewhere a server refuses to start without it.",
			orEmpty(&c.Registration.Mode, choice(&c.Registration.Mode,
				[]RegistrationMode{RegistrationOpen, RegistrationToken, RegistrationClosed}))},
		{"registration.token", "",
			"What a registration shows as its bearer token in mode `token`.",
			secret(&c.Registration.Token, "8 to 200 visible ASCII characters", isToken)},
		{"data_dir", "./raven-data",
			"Folder of the embedded store and of the platform keyring that is made at the first start. Created with mode 0700.",
			path(&c.DataDir, false)},
		{"keys.platform.provider", KeysLocal,
			"Who holds the key that wraps data keys in encryption mode `platform`: a keyring of the operator's, or the operator's Vault. " +
				"After a change the other still opens what it wrapped, if it is configured; `raven keyring rewrap` moves all.",
			choice(&c.Keys.Platform.Provider, []string{KeysLocal, KeysVault})},
		{"keys.platform.keyring", "",
			"The platform keyring itself. Every node on one store needs the same one.",
			secret(&c.Keys.Platform.Keyring, "a keyring", isKeyring)},
		{"keys.platform.keyring_file", "",
			"File of the platform keyring. Left out, and without `keys.platform.keyring`, it is `" + keyringName + "` in `data_dir`. " +
				"A server on the loopback makes the file at the first start; any other refuses to start without a keyring.",
			path(&c.Keys.Platform.KeyringFile, true)},
		{"keys.platform.passphrase", "",
			"What protects the file of the platform keyring, and opens it. None: the file is not protected.",
			secret(&c.Keys.Platform.Passphrase, "up to 1024 bytes", isPassphrase)},
		{"keys.tenant.provider", KeysNone,
			"Who holds a tenant's own key in encryption mode `tenant`. With `none` no tenant can choose that mode.",
			choice(&c.Keys.Tenant.Provider, []string{KeysNone, KeysVault})},
		{"keys.cache_ttl", "60s",
			"How long an unwrapped data key stays in memory, and so the longest that one which was taken away still works. 0: not at all.",
			duration(&c.Keys.CacheTTL, 0, time.Hour)},
	}
}

func (c *Config) storeKeys() []Key {
	r := &c.Store.Redis
	return []Key{
		{"store.backend", StoreEmbedded,
			"Where state is kept: in `data_dir`, or in the Redis of `store.redis.url`, which any number of servers may share.",
			choice(&c.Store.Backend, []string{StoreEmbedded, StoreRedis})},
		{"store.redis.url", "",
			"The servers: redis://, rediss:// with TLS, redis+sentinel://host,host/master-name, redis+cluster://host,host; user and password in it.",
			secret(&r.URL, "an URL that begins with redis:// or one of the others", isRedisURL)},
		{"store.redis.ca_file", "",
			"PEM file of the authorities that may have signed the servers' certificates. None: the system's.",
			path(&r.CAFile, true)},
		{"store.redis.cert_file", "",
			"PEM file of the client certificate to show. Goes with `store.redis.key_file`.",
			path(&r.CertFile, true)},
		{"store.redis.key_file", "",
			"PEM file of the client certificate's key.",
			path(&r.KeyFile, true)},
		{"store.redis.pool_size", "32",
			"Connections that reads, and that writes, keep to a server.",
			number(&r.PoolSize, 1, 10_000)},
		{"store.redis.relaxed", "false",
			"Accept a Redis that synchronises its file every second: a crash of its machine may lose the last second that was acknowledged.",
			boolean(&r.Relaxed)},
		{"store.redis.trust_server", "false",
			"Accept a Redis that does not tell its configuration, as managed services do: its operator answers for eviction and persistence.",
			boolean(&r.TrustServer)},
		{"store.redis.wait_replicas", "0",
			"Replicas that must have a change before it is acknowledged.",
			number(&r.WaitReplicas, 0, 10)},
		{"store.redis.wait_aof", "false",
			"Have a change on the disks of the server, and of those replicas, before it is acknowledged; Redis 7.2 or later.",
			boolean(&r.WaitAOF)},
		{"store.redis.wait_timeout", "1s",
			"The longest to wait for that; then the answer is 503.",
			duration(&r.WaitTimeout, time.Millisecond, 30*time.Second)},
		{"store.redis.hash_external_refs", "false",
			"Keep a keyed hash in the place of external references and emails in the names of Redis keys. To be chosen before the first start.",
			boolean(&r.HashExternalRefs)},
	}
}

// isRedisURL leaves the rest to who opens it; several hosts make no URL of the
// standard library's.
func isRedisURL(text string) bool {
	scheme, rest, ok := strings.Cut(text, "://")
	return ok && rest != "" && (strings.HasPrefix(scheme, "redis"))
}

func (c *Config) domainKeys() []Key {
	d, m := &c.Tenants.Defaults, &c.Tenants.Ceilings
	return []Key{
		{"limits.rate_per_minute", "6000",
			"Requests a minute that a tenant may make, with a burst of one minute's worth, and the most that it may set for itself. 0: no limit.",
			number(&c.Limits.RatePerMinute, 0, core.MaxRatePerMinute)},
		{"limits.unauthenticated_per_minute", "6000",
			"Requests a minute without a valid key that one client address may make. 0: no limit.",
			number(&c.Limits.UnauthenticatedPerMinute, 0, core.MaxRatePerMinute)},
		{"tenants.defaults.retention_days", "30",
			"Days that a tenant's memory is kept when it chose nothing. 0: for ever.",
			number(&d.RetentionDays, 0, core.MaxRetentionDays)},
		{"tenants.defaults.max_users", "1000",
			"Users of a tenant that chose nothing.",
			number(&d.MaxUsers, 0, core.MaxQuota)},
		{"tenants.defaults.max_conversations_per_user", "100",
			"Conversations of each user of a tenant that chose nothing.",
			number(&d.MaxConversationsPerUser, 0, core.MaxQuota)},
		{"tenants.defaults.batch_size", "10",
			"Interactions in a blob of a tenant that chose nothing.",
			number(&d.BatchSize, core.MinBatchSize, core.MaxBatchSize)},
		{"tenants.ceilings.retention_days", "0",
			"The most a tenant may set; keeping for ever is then above it. 0: no ceiling.",
			number(&m.RetentionDays, 0, core.MaxRetentionDays)},
		{"tenants.ceilings.max_users", "1000000000",
			"The most a tenant may set.",
			number(&m.MaxUsers, 0, core.MaxQuota)},
		{"tenants.ceilings.max_conversations_per_user", "1000000000",
			"The most a tenant may set.",
			number(&m.MaxConversationsPerUser, 0, core.MaxQuota)},
		{"tenants.ceilings.batch_size", "500",
			"The most a tenant may set.",
			number(&m.BatchSize, core.MinBatchSize, core.MaxBatchSize)},
		{"memory.idle_flush", "15m",
			"How long a buffer takes nothing in before it is sealed, full or not.",
			duration(&c.Memory.IdleFlush, time.Second, 24*time.Hour)},
		{"memory.sweep_every", "1m",
			"How often idle buffers and expired memory are looked for. What is expired is hidden at once, whatever this says.",
			duration(&c.Memory.SweepEvery, time.Second, time.Hour)},
		{"recall.max_bytes", "512MiB",
			"Memory for search indexes; past it those longest unused are dropped and built anew when needed.",
			size(&c.Recall.MaxBytes, 1<<20, 16<<40)},
	}
}

func (c *Config) logKeys() []Key {
	return []Key{
		{"log.level", "info",
			"The least important lines to log.",
			level(&c.Log.Level)},
		{"log.format", LogJSON,
			"How lines of the log look.",
			choice(&c.Log.Format, []string{LogJSON, LogText})},
	}
}

func isToken(text string) bool {
	visible := func(r rune) bool { return r > ' ' && r < 0x7f }
	return len(text) >= 8 && len(text) <= 200 && strings.IndexFunc(text, func(r rune) bool { return !visible(r) }) < 0
}

func isPassphrase(text string) bool { return len(text) <= maxPassphraseBytes }

// isKeyring leaves the form to who reads the keyring.
func isKeyring(text string) bool { return len(text) <= maxSecretBytes }
