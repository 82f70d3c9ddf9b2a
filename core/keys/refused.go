package keys

import "github.com/raven-memory/raven/core"

// RefusedError is the cause of a CodeUnauthenticated of Authenticate: for the
// operator's log and the audit log, never for the caller.
type RefusedError struct {
	Reason string        // "malformed", "unknown", "expired" or "revoked"
	Tenant core.TenantID // whose the key is; "" when it is nobody's
	Key    core.KeyID
}

func (r RefusedError) Error() string {
	if r.Key == "" {
		return "the API key is " + r.Reason
	}
	return "the API key " + string(r.Key) + " is " + r.Reason
}

func refuse(why RefusedError) error {
	e := core.Unauthenticated("")
	e.Cause = why
	return e
}
