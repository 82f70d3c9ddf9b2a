package audit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// What stands for dropped entries is a checkpoint of them with an extension line,
// which says that they were dropped: no checkpoint passes for it, as it has none.
//
//	dropped <chain hash, base64> <time, RFC 3339>

const dropLine = "dropped "

// errDroppedMeanwhile has a verification begin anew.
var errDroppedMeanwhile = errors.New("audit: entries were dropped while the log was read")

// ErrNotSealed says that no checkpoint covers what is to be dropped.
var ErrNotSealed = errors.New("audit: no checkpoint covers the events that are to be dropped")

// SealDrop verifies a tenant's log, all of it, and makes what stands for its
// entries through a number, so that they can be dropped. It fails as Verify does,
// and with ErrNotSealed.
func SealDrop(
	ctx context.Context, log ports.AuditLog, tenant core.TenantID, through int64, signer *Signer, now time.Time, how Verification,
) (core.AuditDrop, error) {
	v := &verifier{log: log, tenant: tenant, how: how, through: through}
	if err := v.all(ctx); err != nil {
		return core.AuditDrop{}, err
	}
	if v.verified.Signed < through || v.cut.Seq == 0 {
		return core.AuditDrop{}, ErrNotSealed
	}
	d := core.AuditDrop{Head: v.cut, At: now.UTC().Truncate(time.Millisecond)}
	d.Note = signer.sign(dropText(signer.Key(), tenant, d))
	return d, nil
}

func dropText(key PublicKey, tenant core.TenantID, d core.AuditDrop) string {
	root := tree{d.Head.Seq, d.Head.Tree}.root()
	return statement{origin(key, tenant), d.Head.Seq, root}.text() +
		dropLine + base64.StdEncoding.EncodeToString(d.Head.Chain[:]) + " " + timeText(d.At) + "\n"
}

// checkDrop fails unless the key signed what a log says was dropped of it.
func checkDrop(key PublicKey, tenant core.TenantID, d core.AuditDrop) error {
	text, err := key.open(d.Note)
	switch {
	case err != nil:
		return err
	case !strings.Contains(text, "\n"+dropLine):
		return errors.New("audit: the note does not say that anything was dropped")
	case !(tree{d.Head.Seq, d.Head.Tree}).whole() || text != dropText(key, tenant, d):
		return errors.New("audit: the note is of something else")
	}
	return nil
}

// behindDropped has the verification begin where the log does.
func (v *verifier) behindDropped(ctx context.Context) (err error) {
	if v.dropped, err = v.log.AuditDropped(ctx, v.tenant); err != nil || v.dropped.Head.Seq == 0 {
		return err
	}
	d := v.dropped
	if err := checkDrop(v.how.Key, v.tenant, d); err != nil {
		return v.fault(1, "the events through seq %d are gone, and the record that they were dropped does not verify: %v", d.Head.Seq, err)
	}
	v.tree, v.chain = tree{d.Head.Seq, d.Head.Tree}, d.Head.Chain
	v.signed, v.verified.Dropped, v.verified.DroppedAt = d.Head.Seq, d.Head.Seq, d.At
	return v.anchored()
}

// droppedMeanwhile fails with errDroppedMeanwhile when more was dropped since the
// verification began.
func (v *verifier) droppedMeanwhile(ctx context.Context) error {
	d, err := v.log.AuditDropped(ctx, v.tenant)
	if err == nil && d.Head.Seq > v.dropped.Head.Seq {
		err = errDroppedMeanwhile
	}
	return err
}

// DropLine is what stands for dropped entries, outside the log.
type DropLine struct {
	Through int64    `json:"dropped_through"`
	Chain   string   `json:"chain_hash"`
	Tree    []string `json:"tree"` // RFC 6962: roots of the complete subtrees of what was dropped, largest first
	At      string   `json:"dropped_at"`
	Note    string   `json:"note"` // signed
}

// DropLineOf is the drop's line.
func DropLineOf(d core.AuditDrop) DropLine {
	line := DropLine{Through: d.Head.Seq, Chain: hashText(d.Head.Chain), At: timeText(d.At), Note: string(d.Note)}
	for _, h := range d.Head.Tree {
		line.Tree = append(line.Tree, hashText(h))
	}
	return line
}

// errDamagedDrop says that what stands for dropped entries can't be used.
func errDamagedDrop(tenant core.TenantID) error {
	return fmt.Errorf("audit: what stands for the events of %s that were dropped is damaged", tenant)
}
