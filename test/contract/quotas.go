package contract

import (
	"errors"

	"github.com/raven-memory/raven/core"
)

// exhausted expects a full quota, told exactly.
func (w *World) exhausted(err error, want core.QuotaUse) {
	w.T.Helper()
	w.refused(err, core.CodeQuotaExhausted)
	var e *core.Error
	if !errors.As(err, &e) || e.Quota == nil || *e.Quota != want {
		w.T.Fatalf("the quota told is not %+v: %+v", want, e)
	}
}

// exhaustions counts the tenant's quota.exhausted events.
func (w *World) exhaustions(tenant core.TenantID) (n int) {
	w.T.Helper()
	for _, e := range w.mustEvents(tenant, 0) {
		if e.Type == core.EventQuotaExhausted {
			n++
		}
	}
	return n
}
