package core

import "time"

// Op names one logical operation, so that a step that is run again — because
// its answer was lost, or its caller crashed and came back — changes nothing
// and gives the outcome of the first run. The zero Op is remembered by nobody.
type Op struct {
	ID    string
	Until time.Time // the store may forget the outcome after this
}

// IdempotencyClaim asks for the right to answer a request that carries an
// Idempotency-Key.
type IdempotencyClaim struct {
	Key         [32]byte // hash of method, path and the caller's key
	Fingerprint [32]byte // hash of the body
	OpID        string   // the id to use if this is the first claim
	Now         time.Time
	LeaseUntil  time.Time // another claim may take over after this
	Until       time.Time // the record is forgotten after this
}

// IdempotencyOutcome says what a claim met.
type IdempotencyOutcome int

// What a claim can meet.
const (
	IdempotencyClaimed  IdempotencyOutcome = iota + 1 // go ahead, under the OpID given back
	IdempotencyRunning                                // another request holds it
	IdempotencyMismatch                               // it was used with another body
	IdempotencyDone                                   // Response holds the first answer, sealed
)

// IdempotencyState is the answer to a claim.
type IdempotencyState struct {
	Outcome  IdempotencyOutcome
	OpID     string // of the first claim, also when this one took over
	Response []byte
}
