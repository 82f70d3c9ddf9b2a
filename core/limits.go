package core

import "time"

// Bounds of what a request may carry. Lengths of text count bytes where the
// name says so, characters (code points) elsewhere.
const (
	MaxBodyBytes        = 4 << 20
	MaxHeaderBytes      = 16 << 10
	MaxURIBytes         = 8 << 10
	MaxInteractions     = 256 // in one ingest call
	MaxContentBytes     = 64 << 10
	MaxMetadataBytes    = 16 << 10
	MaxMetadataDepth    = 5 // the outer object counts as one
	MaxExternalRef      = 256
	MaxName             = 200
	MaxEmail            = 254
	MaxQueryBytes       = 64 << 10
	MaxURLBytes         = 2048
	MaxIdempotencyKey   = 255
	MaxRequestID        = 128
	DefaultPage         = 50
	MaxPage             = 100
	DefaultSearchLimit  = 10
	MaxSearchLimit      = 100
	DefaultMaxTokens    = 2000
	MinMaxTokens        = 16
	MaxMaxTokens        = 32000
	MinBatchSize        = 1
	MaxBatchSize        = 500
	MaxRetentionDays    = 3650
	MaxQuota            = 1_000_000_000
	MaxRatePerMinute    = 1_000_000
	MaxGraceSeconds     = 30 * 24 * 3600
	DefaultGraceSeconds = 24 * 3600
	MaxKeysPerTenant    = 1000 // of which the revoked and expired make room for new ones
)

// How long things are remembered.
const (
	IdempotencyLife  = 24 * time.Hour
	IdempotencyLease = 15 * time.Second // at least; a request under way is never overtaken
)

// MinChangesKept is how many of a user's last changes a store keeps at least,
// so that an index which is that far behind can follow.
const MinChangesKept = 1000
