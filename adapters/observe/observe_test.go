package observe_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/raven-memory/raven/adapters/observe"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/ports"
)

// recorder remembers what it was told.
type recorder struct {
	begun, ended []string
	failed       bool
}

type beganKey struct{}

func (r *recorder) Begin(ctx context.Context, port, method string) context.Context {
	r.begun = append(r.begun, port+"."+method)
	return context.WithValue(ctx, beganKey{}, true)
}

func (r *recorder) End(ctx context.Context, port, method string, _ time.Duration, outcome string, failed bool) {
	if ctx.Value(beganKey{}) != true {
		panic("End without the context of Begin")
	}
	r.ended = append(r.ended, port+"."+method+" "+outcome)
	r.failed = failed
}

// storePorts are the ports of a store by the name that hooks are told.
var storePorts = []reflect.Type{
	reflect.TypeFor[ports.Tenants](), reflect.TypeFor[ports.APIKeys](), reflect.TypeFor[ports.Users](),
	reflect.TypeFor[ports.Conversations](), reflect.TypeFor[ports.Buffer](), reflect.TypeFor[ports.Memories](),
	reflect.TypeFor[ports.Forgetting](), reflect.TypeFor[ports.Changes](), reflect.TypeFor[ports.Facts](), reflect.TypeFor[ports.Derived](),
	reflect.TypeFor[ports.Idempotency](), reflect.TypeFor[ports.Outbox](), reflect.TypeFor[ports.Recorder](),
	reflect.TypeFor[ports.Relaying](), reflect.TypeFor[ports.Leases](), reflect.TypeFor[ports.AuditLog](),
	reflect.TypeFor[ports.Deliveries](), reflect.TypeFor[ports.DataKeys](), reflect.TypeFor[ports.KeyRotation](),
}

// nothing has every port, and panics when it is called.
type nothing struct{ observe.Store }

func TestHooksAreToldOfEveryMethodUnderItsName(t *testing.T) {
	t.Parallel()
	for _, port := range storePorts {
		for i := range port.NumMethod() {
			method := port.Method(i).Name
			r := &recorder{}
			callWithZeros(t.Context(), observe.NewStore(nothing{}, r), method)
			if want := []string{port.Name() + "." + method}; !slices.Equal(r.begun, want) {
				t.Errorf("of %v hooks are told %v", want, r.begun)
			}
		}
	}
}

// callWithZeros calls a method that will panic.
func callWithZeros(ctx context.Context, s observe.Store, method string) {
	defer func() { _ = recover() }()
	m := reflect.ValueOf(s).MethodByName(method)
	args := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < m.Type().NumIn(); i++ {
		args = append(args, reflect.Zero(m.Type().In(i)))
	}
	if m.Type().IsVariadic() {
		m.CallSlice(args)
	} else {
		m.Call(args)
	}
}

// answering answers one method with an error.
type answering struct {
	observe.Store
	err error
}

func (a answering) MemoryVersion(ctx context.Context, _ core.TenantID, _ core.UserID) (int64, error) {
	if ctx.Value(beganKey{}) != true {
		return 0, errors.New("the call is made without the hook's context")
	}
	return 7, a.err
}

func TestHooksAreToldWhatCameOfACall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		outcome string
		failed  bool
	}{
		{nil, "ok", false},
		{core.NotFound(), "not_found", false},
		{core.Unavailable(errors.New("secret words of a driver")), "unavailable", true},
		{context.Canceled, "cancelled", false},
		{context.DeadlineExceeded, "timeout", true},
		{errors.New("secret words"), "internal", true},
	} {
		r := &recorder{}
		v, err := observe.NewStore(answering{err: c.err}, r).MemoryVersion(t.Context(), "", "")
		if v != 7 || !errors.Is(err, c.err) || !slices.Equal(r.ended, []string{"Changes.MemoryVersion " + c.outcome}) || r.failed != c.failed {
			t.Errorf("%v: %d, %v, %v, %v", c.err, v, err, r.ended, r.failed)
		}
	}
}

func TestWithoutAHookThereIsNoWrapping(t *testing.T) {
	t.Parallel()
	if s := (nothing{}); observe.NewStore(s) != observe.Store(s) {
		t.Error("a store is wrapped for nobody")
	}
}

// quick answers without allocating.
type quick struct{ observe.Store }

func (quick) MemoryVersion(context.Context, core.TenantID, core.UserID) (int64, error) { return 7, nil }

func TestWrappingAllocatesNothing(t *testing.T) {
	s := observe.NewStore(quick{}, idle{})
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { _, _ = s.MemoryVersion(ctx, "ten_1", "usr_1") }); n != 0 {
		t.Errorf("a wrapped call allocates %v times", n)
	}
}

// receiver answers webhooks with a status.
type receiver int

func (r receiver) Post(context.Context, string, map[string]string, []byte) (int, time.Duration, error) {
	if r == 0 {
		return 0, 0, core.Unavailable(nil)
	}
	return int(r), time.Second, nil
}

func TestAnswerOfAWebhookIsToldByItsStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[receiver]string{204: "ok", 302: "status_3xx", 410: "status_4xx", 500: "status_5xx", 0: "unavailable"} {
		r := &recorder{}
		got, after, err := observe.NewPoster(status, r).Post(t.Context(), "https://example.com", nil, nil)
		if got != int(status) || (err == nil) != (status != 0) || (after == time.Second) != (status != 0) || !slices.Equal(r.ended, []string{"Webhooks.Post " + want}) {
			t.Errorf("%d: %d, %v, %v, %v", status, got, after, err, r.ended)
		}
	}
}

// named has names for tenants' keys.
type named struct{ ports.WrappingKeys }

func (named) KeyName(tenant core.TenantID) string { return "raven-" + string(tenant) }

func TestWrappedKeysKeepTheirNames(t *testing.T) {
	t.Parallel()
	type namer interface {
		KeyName(tenant core.TenantID) string
	}
	if n, ok := observe.NewWrappingKeys("TenantKeys", named{}, idle{}).(namer); !ok || n.KeyName("ten_1") != "raven-ten_1" {
		t.Error("the names are lost")
	}
	if _, ok := observe.NewWrappingKeys("TenantKeys", struct{ ports.WrappingKeys }{}, idle{}).(namer); ok {
		t.Error("there is a name that nobody has")
	}
}

// shut is a gate that keeps calls from being made, or their answers from being
// given.
type shut struct {
	recorder
	before, after error
}

func (s *shut) Before(context.Context, string, string) error { return s.before }

func (s *shut) After(_ context.Context, _, _ string, err error) error {
	return errors.Join(err, s.after)
}

func TestGateDecidesWhatBecomesOfACall(t *testing.T) {
	t.Parallel()
	down := core.Unavailable(nil)
	for _, g := range []*shut{{before: down}, {after: down}} {
		_, err := observe.NewStore(quick{}, g).MemoryVersion(context.WithValue(t.Context(), beganKey{}, true), "", "")
		if !errors.Is(err, down) || !slices.Equal(g.ended, []string{"Changes.MemoryVersion unavailable"}) {
			t.Errorf("%v, %v", err, g.ended)
		}
		_, _, err = observe.NewPoster(receiver(204), g).Post(t.Context(), "", nil, nil)
		if !errors.Is(err, down) || g.ended[1] != "Webhooks.Post unavailable" {
			t.Errorf("%v, %v", err, g.ended)
		}
	}
}
