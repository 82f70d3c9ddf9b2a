package redis

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// reservation is how long an index entry is kept that nobody confirms.
const reservation = time.Hour

// Who was overtaken by another run of its operation looks for the outcome so many
// times, a moment apart.
const awaits = 100

// registration is what an operation that creates a tenant has to do, or did. It
// is kept before anything of it is done. Whoever runs the operation again goes on
// with the same if the tenant was made; if not, with its own, and the one before
// is kept from making it: only who brought an API key can hand it out.
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
	kept, r, err := s.claim(ctx, op, n)
	if err != nil {
		return core.TenantRecord{}, err
	}
	if r.Done != nil {
		return *r.Done, nil
	}
	operation := deployment.operation(operationName(op.ID))
	record, err := s.register(ctx, op, *r.Todo)
	if err == nil {
		return record, s.finish(ctx, operation, record)
	}
	if refusal(ctx, err) { // and not remembered
		answer, failed := s.run(ctx, deleteEqual, []string{operation}, kept)
		switch {
		case failed != nil: // whether it was overtaken is not known
			return core.TenantRecord{}, failed
		case errors.Is(err, errOvertaken), answer[0] == "":
			return s.await(ctx, operation)
		}
	}
	return core.TenantRecord{}, err
}

// claim gives what the operation has to do, or did, and as it is kept.
func (s *Store) claim(ctx context.Context, op core.Op, n core.NewTenant) (kept string, r registration, err error) {
	own, err := json.Marshal(registration{Todo: &n})
	if err != nil {
		return "", r, err
	}
	name := operationName(op.ID)
	for { // as often as others come between, each of whom does so once
		answer, err := s.run(ctx, claimOperation, []string{deployment.operation(name), deployment.operations()}, remembered(op), name, own, kept)
		if err != nil {
			return "", r, err
		}
		kept = answer[0]
		r, err = decodeRegistration(kept)
		if err != nil || r.Done != nil || r.Todo.Record.ID == n.Record.ID {
			return kept, r, err
		}
		made, err := s.forestall(ctx, op, r.Todo.Record.ID)
		if err != nil || made {
			return kept, r, err
		}
	}
}

// forestall keeps the operation from making a tenant, unless it has.
func (s *Store) forestall(ctx context.Context, op core.Op, id core.TenantID) (made bool, err error) {
	t, err := keysOf(id)
	if err != nil {
		return false, err
	}
	answer, err := s.run(ctx, forestall, t.stepKeys(op), stepArgs(op)...)
	if err != nil {
		return false, err
	}
	return answer[0] != "", nil
}

// await gives the outcome of the run that overtook this one.
func (s *Store) await(ctx context.Context, operation string) (core.TenantRecord, error) {
	for range awaits {
		var kept *goredis.StringCmd
		if err := s.pipe(ctx, func(p goredis.Pipeliner) { kept = p.Get(ctx, operation) }); err != nil {
			return core.TenantRecord{}, err
		}
		if kept.Val() != "" {
			r, err := decodeRegistration(kept.Val())
			if err != nil {
				return core.TenantRecord{}, err
			}
			if r.Done != nil {
				return *r.Done, nil
			}
		}
		if err := pause(ctx); err != nil {
			return core.TenantRecord{}, s.failed(ctx, err)
		}
	}
	return core.TenantRecord{}, core.Unavailable(errOvertaken)
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
	if err := s.reserveEmail(ctx, op, t, n.EmailKey); err != nil {
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
func (s *Store) reserveEmail(ctx context.Context, op core.Op, t tenantKeys, email string) error {
	gone := ""
	for {
		answer, err := s.run(ctx, reserveEmail, []string{emailKey(email)}, string(t.id), reservation.Milliseconds(), gone)
		if err != nil {
			return err
		}
		holder, reserved := core.TenantID(answer[0]), number(answer[1]) > 0
		if holder == t.id {
			return nil
		}
		lost, err := s.lost(ctx, op, holder, reserved)
		if err != nil {
			return err
		}
		if !lost {
			return core.NewError(core.CodeEmailTaken, "A tenant with this email exists.")
		}
		gone = string(holder)
	}
}

// lost reports whether the holder of an email has it no more: it is gone, or the
// operation is kept from making it.
func (s *Store) lost(ctx context.Context, op core.Op, holder core.TenantID, reserved bool) (bool, error) {
	t, err := keysOf(holder)
	if err != nil {
		return !reserved, nil //nolint:nilerr // it never was
	}
	var forestalled, exists *goredis.IntCmd
	err = s.pipe(ctx, func(p goredis.Pipeliner) {
		forestalled = p.Exists(ctx, t.operation(operationName(op.ID)))
		exists = p.Exists(ctx, t.tenant()) // after: an operation that made its tenant is kept in the same place
	})
	if err != nil {
		return false, err
	}
	return exists.Val() == 0 && (!reserved || forestalled.Val() == 1), nil
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
