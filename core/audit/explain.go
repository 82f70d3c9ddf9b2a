package audit

import (
	"context"

	"github.com/raven-memory/raven/core"
)

// maxGuesses bounds the hashes that an explanation costs.
const maxGuesses = 3_000_000

// explain says what became of an entry whose leaf hash is not that of its
// event. Whoever moved an entry without making its hash anew left in it where it
// comes from.
func (v *verifier) explain(ctx context.Context, e *core.AuditEntry) error {
	seq := e.Event.Seq
	guesses := int64(maxGuesses)
	if from := foundAs(*e, v.tenant, max(v.total, seq)+1, &guesses); from > 0 {
		return v.moved(ctx, e, from)
	}
	other, from, err := v.foreign(ctx, e, &guesses)
	switch {
	case err != nil:
		return err
	case other != "":
		return v.fault(seq, "it is the event with seq %d of another tenant, %s", from, other)
	}
	return v.fault(seq, "it was changed after it was recorded: its fields are not those that its hash is over")
}

// foundAs is the number under which an event has the leaf hash that its entry
// has; 0 for none.
func foundAs(e core.AuditEntry, tenant core.TenantID, most int64, guesses *int64) int64 {
	e.Event.Tenant = tenant
	for seq := int64(1); seq <= most && *guesses > 0; seq++ {
		*guesses--
		e.Event.Seq = seq
		form, err := Canonical(e.Event)
		if err == nil && leafHash(form) == e.Leaf {
			return seq
		}
	}
	return 0
}

// moved tells an entry that was copied, or took another's place, from one whose
// place another took.
func (v *verifier) moved(ctx context.Context, e *core.AuditEntry, from int64) error {
	seq := e.Event.Seq
	if from > seq {
		return v.fault(seq, "it is not the event that was recorded here; that which was recorded as seq %d stands in its place", from)
	}
	there, err := v.log.AuditEntries(ctx, v.tenant, from-1, 1)
	if err != nil {
		return err
	}
	if len(there) == 1 && there[0].Event.Seq == from && there[0].Leaf == e.Leaf {
		return v.fault(seq, "it is a copy of seq %d", from)
	}
	return v.fault(from, "it was inserted: the event that was recorded as seq %d stands at seq %d now", from, seq)
}

// foreign looks for the entry in other tenants' logs.
func (v *verifier) foreign(ctx context.Context, e *core.AuditEntry, guesses *int64) (core.TenantID, int64, error) {
	after := core.TenantID("")
	for *guesses > 0 {
		tenants, err := v.log.AuditTenants(ctx, after, 100)
		if err != nil || len(tenants) == 0 {
			return "", 0, err
		}
		for _, t := range tenants {
			head, err := v.log.AuditHead(ctx, t)
			if err != nil {
				return "", 0, err
			}
			if from := foundAs(*e, t, head.Seq+1, guesses); t != v.tenant && from > 0 {
				return t, from, nil
			}
		}
		after = tenants[len(tenants)-1]
	}
	return "", 0, nil
}
