package postgres_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/adapters/postgres"
	"github.com/raven-memory/raven/core"
)

// superuser connects past the log.
func superuser(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(tb testing.TB, conn *pgx.Conn, statement string, args ...any) {
	tb.Helper()
	if _, err := conn.Exec(tb.Context(), statement, args...); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

func count(tb testing.TB, conn *pgx.Conn, query string, args ...any) (n int) {
	tb.Helper()
	if err := conn.QueryRow(tb.Context(), query, args...).Scan(&n); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return n
}

var ids = core.NewIDs(time.Now, rand.Reader)

// entries makes entries of a tenant, from a number on, a second apart.
func entries(tenant core.TenantID, first int64, n int, from time.Time) []core.AuditEntry {
	list := make([]core.AuditEntry, n)
	for i := range list {
		seq := first + int64(i)
		list[i] = core.AuditEntry{
			Event: core.Event{
				ID: ids.Event(), Type: core.EventMemoryFlushed, Tenant: tenant, Seq: seq,
				At: from.Add(time.Duration(seq) * time.Second), Actor: core.Actor{Key: ids.Key()},
				Data: core.EventData{"user_id": string(ids.User()), "conversation_id": string(ids.Conversation()), "blobs": int64(1), "interactions": int64(10)},
			},
			Leaf: sha256.Sum256(fmt.Append(nil, "leaf", seq)), Chain: sha256.Sum256(fmt.Append(nil, "chain", seq)), Added: from,
		}
	}
	return list
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func headOf(list []core.AuditEntry) core.AuditHead {
	last := list[len(list)-1]
	return core.AuditHead{Seq: last.Event.Seq, Chain: last.Chain, Tree: []core.AuditHash{last.Leaf}}
}

func add(ctx context.Context, l *postgres.Log, list []core.AuditEntry) error {
	return l.AppendAudit(ctx, list[0].Event.Tenant, list, headOf(list))
}

func mustAdd(tb testing.TB, l *postgres.Log, list []core.AuditEntry) {
	tb.Helper()
	if err := add(tb.Context(), l, list); err != nil {
		tb.Fatal(err)
	}
}

// mustHold wants the log to hold exactly these.
func mustHold(tb testing.TB, l *postgres.Log, want []core.AuditEntry) {
	tb.Helper()
	got, err := l.AuditEntries(tb.Context(), want[0].Event.Tenant, 0, len(want)+10)
	if err != nil {
		tb.Fatal(err)
	}
	if len(got) != len(want) {
		tb.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i := range want {
		if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", want[i]) {
			tb.Fatalf("entry %d is\n%+v, want\n%+v", i, got[i], want[i])
		}
	}
}

func mustBeUnavailable(tb testing.TB, what string, err error) {
	tb.Helper()
	if !core.Is(err, core.CodeUnavailable) {
		tb.Errorf("%s: %v, want %s", what, err, core.CodeUnavailable)
	}
	var e *core.Error
	if errors.As(err, &e) && (e.Cause == nil || e.Message == e.Cause.Error()) {
		tb.Errorf("%s: the message is the driver's: %q", what, e.Message)
	}
}

// as is the URL with another user in it.
func as(tb testing.TB, server, name, password string) string {
	tb.Helper()
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatal(err)
	}
	u.User = url.UserPassword(name, password)
	return u.String()
}
