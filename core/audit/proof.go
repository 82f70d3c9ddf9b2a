package audit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Proof shows, by itself and the deployment's public key, that an event is in
// a log that was signed.
type Proof struct {
	Event      EventLine        `json:"event"`
	Inclusion  []core.AuditHash `json:"-"`
	Hashes     []string         `json:"inclusion"`  // RFC 6962's audit path, base64, from the leaf up
	Checkpoint string           `json:"checkpoint"` // the signed note
	PublicKey  string           `json:"public_key"` // says who signed; whether to trust it, the reader knows
}

// Prove finds an event in a tenant's log and proves that it is in the log that
// the last checkpoint signed. CodeNotFound when the log has no such event, or
// no checkpoint covers it yet, or it was dropped. Its memory does not grow with
// the log.
func Prove(ctx context.Context, log ports.AuditLog, tenant core.TenantID, id core.EventID, key PublicKey) (Proof, error) {
	last, err := log.LastCheckpoint(ctx, tenant)
	if err != nil {
		return Proof{}, err
	}
	signed, err := openCheckpoint(key, last.Note)
	if err != nil {
		return Proof{}, err
	}
	event, err := find(ctx, log, tenant, id, signed.size)
	if err != nil {
		return Proof{}, err
	}
	path, err := inclusion(ctx, log, tenant, event.Seq-1, signed.size)
	if err != nil {
		return Proof{}, err
	}
	proof := Proof{Event: LineOf(event), Inclusion: path, Checkpoint: string(last.Note), PublicKey: key.String()}
	for _, h := range path {
		proof.Hashes = append(proof.Hashes, hashText(h))
	}
	return proof, proof.check(key)
}

// each visits the entries up to a size.
func each(ctx context.Context, log ports.AuditLog, tenant core.TenantID, size int64, visit func(core.AuditEntry) (stop bool)) error {
	for seq := int64(0); seq < size; {
		entries, err := log.AuditEntries(ctx, tenant, seq, verifyPage)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if e.Event.Seq > size || visit(e) {
				return nil
			}
			seq = e.Event.Seq
		}
	}
	return nil
}

func find(ctx context.Context, log ports.AuditLog, tenant core.TenantID, id core.EventID, size int64) (core.Event, error) {
	var found *core.Event
	err := each(ctx, log, tenant, size, func(e core.AuditEntry) bool {
		if e.Event.ID == id {
			found = &e.Event
		}
		return found != nil
	})
	if err != nil {
		return core.Event{}, err
	}
	if found == nil {
		return core.Event{}, core.NotFound()
	}
	return *found, nil
}

// inclusion computes the roots that prove a leaf, in one pass.
func inclusion(ctx context.Context, log ports.AuditLog, tenant core.TenantID, index, size int64) ([]core.AuditHash, error) {
	spans := proofSpans(index, size)
	dropped, err := log.AuditDropped(ctx, tenant)
	if err != nil {
		return nil, err
	}
	before := tree{dropped.Head.Seq, dropped.Head.Tree}
	if !before.whole() {
		return nil, errDamagedDrop(tenant)
	}
	trees := make([]tree, len(spans))
	for i, s := range spans {
		trees[i] = before.within(s)
	}
	err = each(ctx, log, tenant, size, func(e core.AuditEntry) bool {
		at := e.Event.Seq - 1
		for i, s := range spans {
			if s.lo <= at && at < s.hi {
				trees[i].add(e.Leaf)
			}
		}
		return false
	})
	path := make([]core.AuditHash, 0, len(trees))
	for _, t := range trees {
		path = append(path, t.root())
	}
	return path, err
}

// ParseProof reads a proof.
func ParseProof(file []byte) (Proof, error) {
	d := json.NewDecoder(strings.NewReader(string(file)))
	d.UseNumber()
	var p Proof
	if err := d.Decode(&p); err != nil {
		return p, errors.New("audit: this is not a proof")
	}
	for _, text := range p.Hashes {
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(raw) != len(core.AuditHash{}) {
			return p, errors.New("audit: the proof holds something that is not a hash")
		}
		p.Inclusion = append(p.Inclusion, core.AuditHash(raw))
	}
	return p, nil
}

// Check verifies a proof against a key, without the log: that the event, as it
// stands in the proof, is in the log that the checkpoint signed.
func (p Proof) Check(key PublicKey) error { return p.check(key) }

func (p Proof) check(key PublicKey) error {
	signed, err := openCheckpoint(key, []byte(p.Checkpoint))
	if err != nil {
		return err
	}
	event, err := p.Event.event()
	if err != nil {
		return err
	}
	if signed.origin != origin(key, event.Tenant) {
		return fmt.Errorf("audit: the checkpoint is not one of the log of %s", event.Tenant)
	}
	form, err := Canonical(event)
	if err != nil {
		return err
	}
	root, ok := provenRoot(leafHash(form), event.Seq-1, signed.size, p.Inclusion)
	if !ok || root != signed.root {
		return errors.New("audit: the proof does not lead from the event to the checkpoint's root")
	}
	return nil
}
