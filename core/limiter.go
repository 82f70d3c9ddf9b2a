package core

import "time"

// Rate is one rate limit and what a request takes of it: a bucket of Burst
// that refills at PerMinute.
type Rate struct {
	Key       string // whose bucket; from code or validated ids, never free text
	PerMinute int64  // at least 1
	Burst     int64  // at least 1
	Cost      int64  // at least 0; 0 only looks
}

// RateDecision is what a limiter decided.
type RateDecision struct {
	Allowed    bool
	Remaining  int64
	RetryAfter time.Duration // until Cost would be allowed; 0 when it was
	Reset      time.Duration // until the bucket is full
}
