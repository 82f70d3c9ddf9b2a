package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

var benchmarked = []int{1, 10, 100, 1000}

// BenchmarkAppend adds events in batches, each durable when it returns; events/s
// is to be held against BenchmarkBareCopy and BenchmarkCopyToAPartition of the
// same run.
func BenchmarkAppend(b *testing.B) {
	l := open(b, backend.Postgres(b).URL())
	for _, size := range benchmarked {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			tenant, next := ids.Tenant(), int64(1)
			measure(b, size, func(list []core.AuditEntry) error {
				for i := range list {
					list[i].Event.Tenant, list[i].Event.Seq = tenant, next
					next++
				}
				return add(b.Context(), l, list)
			})
		})
	}
}

// BenchmarkBareCopy copies the same rows to a table without keys, triggers or
// partitions: what the server can do at most.
func BenchmarkBareCopy(b *testing.B) {
	benchmarkCopy(b, `CREATE TABLE bare (LIKE audit_events)`)
}

// BenchmarkCopyToAPartition copies them to a table with the log's key.
func BenchmarkCopyToAPartition(b *testing.B) {
	benchmarkCopy(b, `CREATE TABLE bare (LIKE audit_events INCLUDING ALL)`)
}

func benchmarkCopy(b *testing.B, create string) {
	server := backend.Postgres(b)
	open(b, server.URL())
	conn := superuser(b, server.URL())
	exec(b, conn, create)
	columns := []string{"tenant_id", "seq", "event_id", "type", "at", "actor", "data", "leaf", "chain", "added_at"}
	for _, size := range benchmarked {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			tenant, next := ids.Tenant(), int64(0)
			measure(b, size, func(list []core.AuditEntry) error {
				_, err := conn.CopyFrom(b.Context(), pgx.Identifier{"bare"}, columns, pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
					e := &list[i]
					next++
					return []any{
						string(tenant), next, string(e.Event.ID), string(e.Event.Type), e.Event.At, string(e.Event.Actor.Key),
						`{"blobs":1,"conversation_id":"cnv_01hadaaaaaaaaaaaaaaaaaaaaa","interactions":10,"user_id":"usr_01hadaaaaaaaaaaaaaaaaaaaaa"}`,
						e.Leaf[:], e.Chain[:], e.Added,
					}, nil
				}))
				return err
			})
		})
	}
}

// measure has batches written and reports events a second.
func measure(b *testing.B, size int, write func([]core.AuditEntry) error) {
	list := entries(ids.Tenant(), 1, size, now())
	events := 0
	for b.Loop() {
		if err := write(list); err != nil {
			b.Fatal(err)
		}
		events += size
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}
