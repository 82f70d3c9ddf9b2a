// Package observe wraps ports so that hooks are told of every call: what it
// was, how long it took and what came of it, and nothing of what was handed in
// or out. A wrapped port behaves as the port does.
package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// Hook is told of calls. Its methods are called at once from anywhere and must
// not keep the caller waiting.
type Hook interface {
	// Begin is told of a call before it is made, which is then made with the
	// context that Begin returns.
	Begin(ctx context.Context, port, method string) context.Context
	// End is told what came of it, with that context. outcome is "ok", a
	// core.Code, "cancelled", "timeout", or "status_4xx" and its like where a
	// web server answered. failed is false for refusals that are the caller's
	// doing, such as core.CodeNotFound.
	End(ctx context.Context, port, method string, took time.Duration, outcome string, failed bool)
}

// Gate is a Hook that decides what becomes of calls, for tests of what then
// becomes of the callers. Of several in a list the first counts.
type Gate interface {
	Hook
	// Before may keep a call from being made: by its error, which the caller gets.
	Before(ctx context.Context, port, method string) error
	// After gives what the caller gets of a call that was made: the call's error,
	// or another one, with which what the call gave counts for nothing.
	After(ctx context.Context, port, method string, err error) error
}

// Store is a store that is closed at its end.
type Store interface {
	ports.Store
	io.Closer
}

// store is a store with its ports wrapped.
type store struct {
	whole Store

	tenants
	apiKeys
	users
	conversations
	buffer
	memories
	forgetting
	changes
	facts
	derived
	idempotency
	outbox
	recorder
	relaying
	leases
	auditLog
	deliveries
	dataKeys
	keyRotation
	ports.Health
	io.Closer
}

// NewStore wraps a store. Without a hook it is the store itself.
func NewStore(next Store, list ...Hook) Store {
	if len(list) == 0 {
		return next
	}
	h := newHooks(list)
	return store{
		next, tenants{next, h}, apiKeys{next, h}, users{next, h}, conversations{next, h},
		buffer{next, h}, memories{next, h}, forgetting{next, h}, changes{next, h}, facts{next, h}, derived{next, h},
		idempotency{next, h}, outbox{next, h}, recorder{next, h}, relaying{next, h}, leases{next, h},
		auditLog{next, h}, deliveries{next, h}, dataKeys{next, h}, keyRotation{next, h}, next, next,
	}
}

// Unwrap gives the store itself.
func (s store) Unwrap() Store { return s.whole }

// NewLimiter wraps a limiter.
func NewLimiter(next ports.Limiter, list ...Hook) ports.Limiter { return limiter{next, newHooks(list)} }

// NewAuditLog wraps an audit log that is elsewhere than in the store.
func NewAuditLog(next ports.AuditLog, list ...Hook) ports.AuditLog {
	return auditLog{next, newHooks(list)}
}

// Work tells the hooks of a piece of background work, as a call of the port
// "Background".
func Work(ctx context.Context, list []Hook, doing string, run func(context.Context) error) error {
	return do(ctx, newHooks(list), Call{"Background", doing}, run)
}

// Call names a method of a port.
type Call struct{ Port, Method string }

// hooks are the hooks of a port, and the gate among them, if there is one.
type hooks struct {
	list []Hook
	gate Gate
}

func newHooks(list []Hook) hooks {
	h := hooks{list: list}
	for _, hook := range list {
		if gate, ok := hook.(Gate); ok {
			h.gate = gate
			break
		}
	}
	return h
}

func (h hooks) begin(ctx context.Context, call Call) (context.Context, time.Time) {
	for _, hook := range h.list {
		ctx = hook.Begin(ctx, call.Port, call.Method) //nolint:fatcontext // one hook's within the other's
	}
	return ctx, time.Now()
}

func (h hooks) end(ctx context.Context, call Call, began time.Time, err error) {
	took := time.Since(began)
	outcome, failed := "ok", false
	if err != nil {
		outcome, failed = outcomeOf(err)
	}
	for _, hook := range h.list {
		hook.End(ctx, call.Port, call.Method, took, outcome, failed)
	}
}

func do(ctx context.Context, h hooks, call Call, run func(context.Context) error) error {
	ctx, began := h.begin(ctx, call)
	err := h.before(ctx, call)
	if err == nil {
		err = h.after(ctx, call, run(ctx))
	}
	h.end(ctx, call, began, err)
	return err
}

func get[T any](ctx context.Context, h hooks, call Call, run func(context.Context) (T, error)) (value T, err error) {
	ctx, began := h.begin(ctx, call)
	if err = h.before(ctx, call); err == nil {
		value, err = run(ctx)
		err = h.after(ctx, call, err)
	}
	h.end(ctx, call, began, err)
	return value, err
}

func get2[T, U any](ctx context.Context, h hooks, call Call, run func(context.Context) (T, U, error)) (first T, second U, err error) {
	ctx, began := h.begin(ctx, call)
	if err = h.before(ctx, call); err == nil {
		first, second, err = run(ctx)
		err = h.after(ctx, call, err)
	}
	h.end(ctx, call, began, err)
	return first, second, err
}

func (h hooks) before(ctx context.Context, call Call) error {
	if h.gate == nil {
		return nil
	}
	return h.gate.Before(ctx, call.Port, call.Method)
}

func (h hooks) after(ctx context.Context, call Call, err error) error {
	if h.gate == nil {
		return err
	}
	return h.gate.After(ctx, call.Port, call.Method, err)
}

// statusError is an answer of a web server that is no success.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// outcomeOf gives an error's name, and whether it is a failure of what was called.
func outcomeOf(err error) (outcome string, failed bool) {
	var status statusError
	var coded *core.Error
	switch {
	case errors.As(err, &status):
		return fmt.Sprintf("status_%dxx", int(status)/100), true
	case errors.As(err, &coded):
		return string(coded.Code), failures[coded.Code]
	case errors.Is(err, context.Canceled):
		return "cancelled", false
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", true
	default:
		return string(core.CodeInternal), true
	}
}

// failures are the codes that tell of something broken.
var failures = map[core.Code]bool{
	core.CodeInternal: true, core.CodeUnavailable: true, core.CodeKeyManagement: true, core.CodeKeyUnavailable: true,
}
