package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// verifyPage is how many entries are held at once.
const verifyPage = 1000

// FaultError is the first thing that is wrong with a log.
type FaultError struct {
	Tenant core.TenantID
	Seq    int64  // of the first event that is not as it was recorded
	Wrong  string // what is wrong with it
}

func (f *FaultError) Error() string { return fmt.Sprintf("seq %d: %s", f.Seq, f.Wrong) }

// Verification says what to hold a log against.
type Verification struct {
	Key PublicKey // of the deployment

	// Notes are checkpoints that were kept outside the log. Those of other
	// tenants are passed over.
	Notes [][]byte

	// Progress is called now and then with how many entries were verified, and
	// how many there are to be. Nil for none.
	Progress func(done, total int64)
}

// Verified is what a verification found to be in order.
type Verified struct {
	Entries     int64 // the last Seq
	Root        core.AuditHash
	Checkpoints int       // kept outside, and that in the log
	Signed      int64     // entries that the largest of them covers
	Dropped     int64     // of the entries, the first, which are gone for their age
	DroppedAt   time.Time // when the last of these went; zero for none
	Older       int       // checkpoints of less than what was dropped, which hold by their signature alone
	SignedAt    time.Time // when the log says that its own was signed; zero for none
}

// ErrNoLog says that a tenant has no audit log.
var ErrNoLog = errors.New("audit: there is no audit log of that tenant")

// ErrOtherLog says that no checkpoint given is one of the log.
var ErrOtherLog = errors.New("the checkpoint given is not one of the log")

// Verify computes all of a tenant's log anew from the events in it, and holds it
// against what is stored: each entry's hashes, the numbers without gaps, the
// head, the checkpoint in the log and those given. Where entries were dropped it
// begins with what stands for them, once it is proven. It fails with a *FaultError
// that names the first event at fault, and with ErrNoLog where nothing is. Its
// memory does not grow with the log, which may grow, or be dropped from, meanwhile.
func Verify(ctx context.Context, log ports.AuditLog, tenant core.TenantID, how Verification) (Verified, error) {
	for {
		v := &verifier{log: log, tenant: tenant, how: how}
		if err := v.all(ctx); !errors.Is(err, errDroppedMeanwhile) {
			return v.verified, err
		}
	}
}

// anchor is a checkpoint that the log must fit.
type anchor struct {
	statement
	from string // where it was kept, for messages
}

type verifier struct {
	log     ports.AuditLog
	tenant  core.TenantID
	how     Verification
	anchors []anchor // by size, those that the log has not reached

	dropped  core.AuditDrop
	tree     tree
	chain    core.AuditHash
	through  int64 // where the end of what is to be dropped is, 0 for nowhere
	cut      core.AuditHead
	total    int64
	signed   int64 // size of the last anchor that fitted
	verified Verified
}

func (v *verifier) fault(seq int64, format string, args ...any) *FaultError {
	return &FaultError{Tenant: v.tenant, Seq: seq, Wrong: fmt.Sprintf(format, args...)}
}

func (v *verifier) all(ctx context.Context) error {
	if err := v.begin(ctx); err != nil {
		return err
	}
	for {
		more, err := v.page(ctx)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if done, err := v.end(ctx); done || err != nil {
			return err
		}
	}
}

// begin gathers the anchors. The checkpoint in the log is read before its head.
func (v *verifier) begin(ctx context.Context) error {
	if err := v.outside(); err != nil {
		return err
	}
	last, err := v.log.LastCheckpoint(ctx, v.tenant)
	switch {
	case core.Is(err, core.CodeNotFound):
	case err != nil:
		return err
	default:
		if err := v.inside(last); err != nil {
			return err
		}
	}
	slices.SortStableFunc(v.anchors, func(a, b anchor) int { return cmp.Compare(a.size, b.size) })
	v.verified.Checkpoints = len(v.anchors)
	if err := v.behindDropped(ctx); err != nil {
		return err
	}
	head, err := v.log.AuditHead(ctx, v.tenant)
	v.total = head.Seq
	return err
}

// outside takes in the checkpoints given.
func (v *verifier) outside() error {
	for _, note := range v.how.Notes {
		s, err := openCheckpoint(v.how.Key, note)
		if err != nil {
			return fmt.Errorf("the checkpoint given: %w", err)
		}
		if s.origin == origin(v.how.Key, v.tenant) {
			v.anchors = append(v.anchors, anchor{s, "the checkpoint given"})
		}
	}
	if len(v.how.Notes) > 0 && len(v.anchors) == 0 {
		return fmt.Errorf("%w of %s", ErrOtherLog, v.tenant)
	}
	return nil
}

// inside takes in the one that the log itself keeps.
func (v *verifier) inside(c core.Checkpoint) error {
	s, err := openCheckpoint(v.how.Key, c.Note)
	if err != nil {
		return v.fault(c.Seq, "the checkpoint in the log does not verify: %v", err)
	}
	if s.origin != origin(v.how.Key, v.tenant) || s.size != c.Seq {
		return v.fault(c.Seq, "the checkpoint in the log is another log's, or of another size")
	}
	v.anchors = append(v.anchors, anchor{s, "the checkpoint in the log"})
	v.verified.SignedAt = c.At
	return nil
}

// page verifies the next entries and reports whether there were any. Each page
// begins with the last entry of the one before, so that one that is there twice
// can't hide at the seam.
func (v *verifier) page(ctx context.Context) (more bool, err error) {
	seam := v.tree.size > v.dropped.Head.Seq
	after := v.tree.size - 1
	if !seam {
		after = math.MinInt64
	}
	entries, err := v.log.AuditEntries(ctx, v.tenant, after, verifyPage)
	if err != nil {
		return false, err
	}
	if seam && len(entries) > 0 {
		if entries[0].Event.Seq != v.tree.size {
			return false, cmp.Or(v.droppedMeanwhile(ctx), error(v.fault(v.tree.size, "it is gone while the log was read")))
		}
		entries = entries[1:]
	}
	for i := range entries {
		if err := v.entry(ctx, &entries[i]); err != nil {
			return false, err
		}
	}
	if v.how.Progress != nil {
		v.how.Progress(v.tree.size, max(v.total, v.tree.size))
	}
	return len(entries) > 0, nil
}

// entry verifies the one that must be the next.
func (v *verifier) entry(ctx context.Context, e *core.AuditEntry) error {
	next := v.tree.size + 1
	switch seq := e.Event.Seq; {
	case seq < 1:
		return v.fault(seq, "it was inserted: numbers begin at 1")
	case seq <= v.dropped.Head.Seq:
		return v.fault(seq, "it was inserted: the events through seq %d were dropped", v.dropped.Head.Seq)
	case seq < next:
		return v.fault(seq, "it is there more than once")
	case seq > next:
		return v.gap(ctx, e, next)
	}
	e.Event.Tenant = v.tenant // whatever the row says of itself, it stands in this log
	form, err := Canonical(e.Event)
	if err != nil {
		return v.fault(next, "it can't be read: %v", err)
	}
	leaf := leafHash(form)
	chain := chainHash(v.chain, leaf)
	switch {
	case leaf != e.Leaf && chain == e.Chain:
		return v.fault(next, "its leaf hash was changed")
	case leaf != e.Leaf:
		return v.explain(ctx, e)
	case chain != e.Chain:
		return v.fault(next, "its chain hash is not over the entries before it: an entry up to here was replaced, or the hash changed")
	}
	v.tree.add(leaf)
	v.chain = chain
	if v.tree.size == v.through {
		v.cut = core.AuditHead{Seq: v.through, Chain: chain, Tree: v.tree.roots}
	}
	return v.anchored()
}

// gap tells an entry that is missing from one that was added behind the end.
func (v *verifier) gap(ctx context.Context, e *core.AuditEntry, next int64) error {
	if err := v.droppedMeanwhile(ctx); err != nil {
		return err
	}
	head, err := v.log.AuditHead(ctx, v.tenant)
	if err != nil {
		return err
	}
	if head.Seq >= next {
		return v.fault(next, "it is missing; the next one there is seq %d", e.Event.Seq)
	}
	return v.explain(ctx, e)
}

// anchored holds the log against the anchors of its size.
func (v *verifier) anchored() error {
	for len(v.anchors) > 0 && v.anchors[0].size <= v.tree.size {
		a := v.anchors[0]
		if a.size < v.dropped.Head.Seq {
			v.verified.Older++
			v.anchors = v.anchors[1:]
			continue
		}
		if a.size == v.tree.size && a.root != v.tree.root() {
			return v.fault(v.signed+1, "the log from here to seq %d is not the one that was signed: %s, of %d events, has another root",
				a.size, a.from, a.size)
		}
		v.signed, v.anchors = a.size, v.anchors[1:]
	}
	return nil
}

// end holds what was read against the head. It is not done when the log grew.
func (v *verifier) end(ctx context.Context) (done bool, err error) {
	head, err := v.log.AuditHead(ctx, v.tenant)
	if err != nil {
		return false, err
	}
	if head.Seq > v.tree.size {
		if head.Seq > v.total { // it grew: read on
			v.total = head.Seq
			return false, nil
		}
		if err := v.droppedMeanwhile(ctx); err != nil {
			return false, err
		}
		return false, v.fault(v.tree.size+1, "it is missing: the log's head counts %d events, and %d are there", head.Seq, v.tree.size)
	}
	switch {
	case v.tree.size == 0 && len(v.anchors) == 0:
		return false, ErrNoLog
	case head.Seq < v.tree.size:
		return false, v.fault(head.Seq+1, "it was added behind the end of the log, whose head counts %d events", head.Seq)
	case head.Chain != v.chain || !slices.Equal(head.Tree, v.tree.roots):
		return false, v.fault(head.Seq, "the log's head was changed")
	case len(v.anchors) > 0:
		a := v.anchors[len(v.anchors)-1]
		return false, v.fault(v.tree.size+1, "it is missing: %s is of %d events, and %d are there", a.from, a.size, v.tree.size)
	}
	v.verified.Entries, v.verified.Root, v.verified.Signed = v.tree.size, v.tree.root(), v.signed
	return true, nil
}
