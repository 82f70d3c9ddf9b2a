// Package config is Raven's configuration: one typed structure, read from a
// file, the environment and flags, checked as a whole before anything starts.
// No other package reads the environment.
//
// Every key is one row of the table in keys.go: its name, default, bounds and
// what it does. Loading, printing and the README's reference all come from it.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/raven-memory/raven/core"
)

// Config is the effective configuration. The zero value is of no use; Load
// makes one. What a field means, its default and its bounds stand in the table
// of keys.
type Config struct {
	HTTP         HTTP
	Admin        Admin
	Registration Registration
	DataDir      string
	Store        Store
	Audit        Audit
	Keys         Keys
	Limits       Limits
	Tenants      Tenants
	Webhooks     Webhooks
	Memory       Memory
	Recall       Recall
	Embedder     Embedder
	Reranker     Reranker
	Extractor    Extractor
	Tracing      Tracing
	Log          Log

	sources map[string]string // key → where its value comes from; absent: the default
}

// HTTP is the API's listener.
type HTTP struct {
	Addr            string
	TLS             TLS
	CORSOrigins     []string
	TrustedProxies  []netip.Prefix
	RequestTimeout  time.Duration
	Drain           time.Duration
	ShutdownTimeout time.Duration
}

// TLS names the files of a certificate and its key; both are empty, or neither.
type TLS struct {
	Cert string
	Key  string
}

// DefaultAdminAddr is where the operator's listener is unless it is chosen.
const DefaultAdminAddr = "127.0.0.1:9090"

// Admin is the listener for the operator alone.
type Admin struct {
	Addr string
}

// RegistrationMode says who may register a tenant.
type RegistrationMode string

// The modes there are. The empty mode, which only an address off the loopback
// leaves, stops a server's start.
const (
	RegistrationOpen   RegistrationMode = "open"
	RegistrationToken  RegistrationMode = "token"
	RegistrationClosed RegistrationMode = "closed"
)

// Registration says who may register a tenant.
type Registration struct {
	Mode  RegistrationMode
	Token Secret
}

// The places where state can be kept.
const (
	StoreEmbedded = "embedded"
	StoreRedis    = "redis"
)

// Store chooses where state is kept.
type Store struct {
	Backend string // StoreEmbedded or StoreRedis
	Redis   Redis
}

// Redis says which Redis it is and what is asked of it.
type Redis struct {
	URL                       Secret
	CAFile, CertFile, KeyFile string
	PoolSize                  int64
	Relaxed                   bool
	TrustServer               bool
	WaitReplicas              int64
	WaitAOF                   bool
	WaitTimeout               time.Duration
	HashExternalRefs          bool
}

// The places where the audit log can be kept.
const (
	AuditStore    = "store"
	AuditPostgres = "postgres"
)

// Audit says where the audit log is kept, and what is in it.
type Audit struct {
	Backend        string // AuditStore or AuditPostgres
	Postgres       Postgres
	Reads          bool   // reads of memory are in it
	CheckpointFile string // checkpoints are appended to it as well; "" for none
	CheckpointURL  Secret // checkpoints are sent there as well; "" for nowhere
	MaxOutbox      int64  // events of a tenant that may wait for a sink
}

// Postgres says which database it is.
type Postgres struct {
	URL Secret
}

// Keys chooses who holds the keys that wrap tenants' data keys.
type Keys struct {
	Platform PlatformKeys
	Tenant   TenantKeys
	Vault    Vault
	CacheTTL time.Duration // how long an unwrapped data key is kept in memory

	// RotateAfter is the age at which data keys are replaced; 0 for never.
	RotateAfter time.Duration
}

// PlatformKeys are the operator's. Of Keyring and KeyringFile exactly one is
// set.
type PlatformKeys struct {
	Provider    string // KeysLocal or KeysVault
	Keyring     Secret
	KeyringFile string
	Passphrase  Secret // of the file; "" when it is not protected
}

// TenantKeys are a tenant's own.
type TenantKeys struct {
	Provider string // KeysNone or KeysVault
}

// Limits are rates in requests a minute; 0 is none.
type Limits struct {
	RatePerMinute            int64
	UnauthenticatedPerMinute int64
}

// Tenants is what a tenant gets that chose nothing, and the most it may choose.
type Tenants struct {
	Defaults TenantSettings
	Ceilings TenantSettings
}

// TenantSettings are the settings of a tenant that the operator sets defaults
// and ceilings for. RetentionDays 0 as a default is "keep for ever", and as a
// ceiling "no ceiling".
type TenantSettings struct {
	RetentionDays           int64
	MaxUsers                int64
	MaxConversationsPerUser int64
	BatchSize               int64
}

// Memory is the life of buffers and memory.
type Memory struct {
	IdleFlush  time.Duration
	SweepEvery time.Duration
}

// Recall bounds the search indexes.
type Recall struct {
	MaxBytes int64 // over all users' indexes of this process
}

// The formats of the log.
const (
	LogJSON = "json"
	LogText = "text"
)

// Log is the server's log.
type Log struct {
	Level  slog.Level
	Format string // LogJSON or LogText
}

// DefaultSettings are those of a tenant that chose nothing.
func (c *Config) DefaultSettings() core.Settings {
	s := core.DefaultSettings()
	s.RetentionDays = c.Tenants.Defaults.RetentionDays
	s.MaxUsers = c.Tenants.Defaults.MaxUsers
	s.MaxConversationsPerUser = c.Tenants.Defaults.MaxConversationsPerUser
	s.BatchSize = c.Tenants.Defaults.BatchSize
	s.RateLimitPerMinute = c.Limits.RatePerMinute
	return s
}
