package config

import (
	"net"
	"net/netip"
)

// Validate is an *Error that lists the values that do not go together, or nil.
// Load has called it.
func (c *Config) Validate() error {
	var l problems
	c.validate(&l)
	return l.err()
}

// ValidateServe is an *Error that lists what a server lacks, or nil: off the
// loopback, where others can reach it, the operator must have chosen who may
// register, and must have given a keyring, in keys.platform.keyring or as the
// file that keys.platform.keyring_file names; a server on the loopback makes
// that file. It looks for the file. Commands that do not serve, such as the one
// that makes a keyring, need none of this.
func (c *Config) ValidateServe() error {
	var l problems
	c.validateServe(&l)
	return l.err()
}

func (c *Config) validate(l *problems) {
	if (c.HTTP.TLS.Cert == "") != (c.HTTP.TLS.Key == "") {
		missing := "http.tls.key"
		if c.HTTP.TLS.Cert == "" {
			missing = "http.tls.cert"
		}
		l.addCombination(missing, "is missing; give http.tls.cert and http.tls.key, or neither")
	}
	if c.Registration.Mode == "" && c.Registration.Token != "" {
		l.addCombination("registration.mode", "is missing; registration.token is set, so say whether it is needed: open, token or closed")
	}
	if c.Registration.Mode == RegistrationToken && c.Registration.Token == "" {
		l.addCombination("registration.token", "is missing; registration.mode token needs it (RAVEN_REGISTRATION_TOKEN or RAVEN_REGISTRATION_TOKEN_FILE)")
	}
	if c.Keys.Platform.Keyring != "" && c.Keys.Platform.KeyringFile != "" {
		l.addCombination("keys.platform.keyring", "is set, and so is keys.platform.keyring_file; set one")
	}
	if c.Keys.Platform.Keyring != "" && c.Keys.Platform.Passphrase != "" {
		l.addCombination("keys.platform.passphrase", "is set, and protects a keyring file; keys.platform.keyring is none")
	}
	if c.Store.Backend == StoreRedis && c.Store.Redis.URL == "" {
		l.addCombination("store.redis.url", "is missing; store.backend redis needs it (RAVEN_STORE_REDIS_URL or RAVEN_STORE_REDIS_URL_FILE)")
	}
	if (c.Store.Redis.CertFile == "") != (c.Store.Redis.KeyFile == "") {
		l.addCombination("store.redis.cert_file", "goes with store.redis.key_file; give both or neither")
	}
	c.Keys.validate(l)
	c.validateAudit(l)
	c.validateModels(l)
	c.Tenants.validate(l)
}

func (t Tenants) validate(l *problems) {
	within := func(name string, value, ceiling int64) {
		if value > ceiling {
			l.addCombination("tenants.defaults."+name, "%d is above tenants.ceilings.%s, which is %d", value, name, ceiling)
		}
	}
	d, m := t.Defaults, t.Ceilings
	switch {
	case m.RetentionDays == 0: // no ceiling
	case d.RetentionDays == 0:
		l.addCombination("tenants.defaults.retention_days",
			"0, for ever, is above tenants.ceilings.retention_days, which is %d", m.RetentionDays)
	default:
		within("retention_days", d.RetentionDays, m.RetentionDays)
	}
	within("max_users", d.MaxUsers, m.MaxUsers)
	within("max_conversations_per_user", d.MaxConversationsPerUser, m.MaxConversationsPerUser)
	within("batch_size", d.BatchSize, m.BatchSize)
}

func (c *Config) validateServe(l *problems) {
	if c.Loopback() {
		return
	}
	if c.Registration.Mode == "" {
		l.addCombination("registration.mode",
			"is missing; http.addr %s can be reached from other machines, so choose who may register: open, token or closed", c.HTTP.Addr)
	}
	if c.Keys.Platform.Provider == KeysLocal && c.Keys.Platform.Keyring == "" && !fileExists(c.Keys.Platform.KeyringFile) {
		l.addCombination("keys.platform.keyring_file",
			"there is no keyring at %s, and none is made for a server that other machines can reach (http.addr %s); "+
				"make one with raven keyring init, or give it in RAVEN_KEYS_PLATFORM_KEYRING", c.Keys.Platform.KeyringFile, c.HTTP.Addr)
	}
}

// Loopback reports whether the API listens on the loopback alone: an address
// in 127.0.0.0/8, ::1, or localhost. An address without a host listens
// everywhere.
func (c *Config) Loopback() bool { return isLoopback(c.HTTP.Addr) }

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
