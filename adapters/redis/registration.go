package redis

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

// reservation is how long an index entry is kept that nobody confirms.
const reservation = time.Hour

// registration is what an operation that creates a tenant has to do, or did. It
// is kept before anything of it is done, so that whoever runs the operation
// again goes on with the same.
type registration struct {
	Todo *core.NewTenant    `json:"todo,omitempty"`
	Done *core.TenantRecord `json:"done,omitempty"`
}

// CreateTenant writes a tenant with its keys.
func (s *Store) CreateTenant(ctx context.Context, op core.Op, n core.NewTenant) (core.TenantRecord, error) {
	if !n.Record.ID.Valid() || !n.Key.ID.Valid() {
		return core.TenantRecord{}, core.NotFound()
	}
	if remembered(op) == "" {
		return s.register(ctx, core.Op{}, n)
	}
	kept, err := json.Marshal(registration{Todo: &n})
	if err != nil {
		return core.TenantRecord{}, err
	}
	name := operationName(op.ID)
	operation := deployment.operation(name)
	answer, err := s.run(ctx, claimOperation, []string{operation, deployment.operations()}, remembered(op), name, kept)
	if err != nil {
		return core.TenantRecord{}, err
	}
	r, err := decodeRegistration(answer[0])
	if err != nil {
		return core.TenantRecord{}, err
	}
	if r.Done != nil {
		return *r.Done, nil
	}
	record, err := s.register(ctx, op, *r.Todo)
	if err != nil {
		if refusal(ctx, err) { // and not remembered
			_, _ = s.run(ctx, deleteEqual, []string{operation}, answer[0])
		}
		return core.TenantRecord{}, err
	}
	return record, s.finish(ctx, operation, record)
}

func decodeRegistration(text string) (r registration, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // an event's counts stay what they are
	if err := d.Decode(&r); err != nil || r.Todo == nil && r.Done == nil {
		return r, fault("a registration: %v", err)
	}
	return r, nil
}

// finish keeps the outcome, which outlives the tenant.
func (s *Store) finish(ctx context.Context, operation string, record core.TenantRecord) error {
	kept, err := json.Marshal(registration{Done: &record})
	if err != nil {
		return err
	}
	_, err = s.run(ctx, finishOperation, []string{operation}, kept)
	return err
}

// register reserves the index entries, creates the tenant, and confirms them.
// A tenant that is there and not confirmed is confirmed by PurgeTenants.
func (s *Store) register(ctx context.Context, op core.Op, n core.NewTenant) (record core.TenantRecord, err error) {
	t, err := keysOf(n.Record.ID)
	if err != nil {
		return record, err
	}
	args, err := newTenantArgs(op, n)
	if err != nil {
		return record, err
	}
	if err := s.reserveEmail(ctx, t, n.EmailKey); err != nil {
		return record, err
	}
	if err := s.reserveHash(ctx, t, n.Key); err != nil {
		s.releaseEmail(ctx, t, n.EmailKey, err)
		return record, err
	}
	if _, err := s.run(ctx, addMember, []string{registryKey}, string(t.id)); err != nil {
		return record, err
	}
	if manyKeys(n.DataKeys) {
		if err := s.listRotating(ctx, t.id); err != nil {
			return record, err
		}
	}
	answer, err := s.run(ctx, createTenant, t.stepKeys(op, t.dataKeys(), t.apiKeys()), args...)
	if err != nil {
		s.releaseEmail(ctx, t, n.EmailKey, err)
		s.releaseHash(ctx, t, n.Key, err)
		return record, err
	}
	if record, err = tenantFrom(answer); err != nil {
		return record, err
	}
	return record, s.confirm(ctx, t, n.EmailKey, n.Key)
}

func newTenantArgs(op core.Op, n core.NewTenant) ([]any, error) {
	key, err := encodeKey(n.Key)
	if err != nil {
		return nil, err
	}
	r := n.Record
	args := slices.Concat(stepArgs(op, string(r.ID), n.EmailKey, r.Profile), settingsArgs(r.Settings),
		[]any{max(r.Version, 1), ms(r.CreatedAt), ms(r.UpdatedAt), string(n.Key.ID), key, len(n.DataKeys)})
	for _, k := range n.DataKeys {
		kept, err := encodeDataKey(k)
		if err != nil {
			return nil, err
		}
		args = append(args, k.Version, kept)
	}
	for _, e := range n.Events {
		event, err := eventArgs(e)
		if err != nil {
			return nil, err
		}
		args = append(args, event...)
	}
	return args, nil
}

// reserveEmail fails with CodeEmailTaken when another tenant has the email or
// is about to. One that is gone has it no more.
func (s *Store) reserveEmail(ctx context.Context, t tenantKeys, email string) error {
	gone := ""
	for range 2 {
		answer, err := s.run(ctx, reserveEmail, []string{emailKey(email)}, string(t.id), reservation.Milliseconds(), gone)
		if err != nil {
			return err
		}
		holder, expiry := core.TenantID(answer[0]), number(answer[1])
		if holder == t.id {
			return nil
		}
		live, err := s.living(ctx, []core.TenantID{holder})
		if err != nil {
			return err
		}
		if len(live) > 0 || expiry > 0 {
			break
		}
		gone = string(holder)
	}
	return core.NewError(core.CodeEmailTaken, "A tenant with this email exists.")
}

// releaseEmail gives a reservation back after a refusal. After any other error
// the tenant may be there; then the reservation expires or is confirmed.
func (s *Store) releaseEmail(ctx context.Context, t tenantKeys, email string, because error) {
	if refusal(ctx, because) {
		_, _ = s.run(ctx, deleteEqual, []string{emailKey(email)}, string(t.id))
	}
}

// refusal reports whether an error says that the step was not done.
func refusal(ctx context.Context, err error) bool {
	return err != nil && core.CodeOf(err) != core.CodeUnavailable && ended(ctx) == nil
}

// confirm makes the index entries last.
func (s *Store) confirm(ctx context.Context, t tenantKeys, email string, key core.KeyRecord) error {
	if _, err := s.run(ctx, confirmEmail, []string{emailKey(email)}, string(t.id)); err != nil {
		return err
	}
	if err := s.confirmHash(ctx, t, key); err != nil {
		return err
	}
	_, err := s.run(ctx, confirmTenant, []string{t.tenant()})
	return err
}

// confirmLate confirms a registration whose process ended in the middle.
func (s *Store) confirmLate(ctx context.Context, t tenantKeys) error {
	found, err := s.again.HGet(ctx, t.tenant(), "email").Result()
	if err != nil {
		return s.failed(ctx, err)
	}
	keys, err := s.allKeys(ctx, t)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := s.confirmHash(ctx, t, k); err != nil {
			return err
		}
	}
	if _, err := s.run(ctx, confirmEmail, []string{emailKey(found)}, string(t.id)); err != nil && !core.Is(err, core.CodeVersionConflict) {
		return err
	}
	_, err = s.run(ctx, confirmTenant, []string{t.tenant()})
	return err
}
