package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// record is where a store keeps one thing, without what names it: columns of a
// row, fields of a hash, of an entry of a stream, or of JSON in a field.
type record struct {
	at     string // a table and a row, or a key
	entry  string // of a stream, or a field that is JSON; "" for neither
	fields []string
}

// shelf reads and writes a store's records past its adapter.
type shelf interface {
	find(t *testing.T, kind string, of spot) record
	read(t *testing.T, r record) []any
	write(t *testing.T, r record, values []any)
}

// spot is whose record is meant.
type spot struct {
	r            *resident
	s            settler
	conversation int
}

func (s spot) user() string { return last(s.s.id) }

func (s spot) talk() string { return last(s.s.conversations[s.conversation]) }

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// swap puts each of two records in the place of the other.
func swap(t *testing.T, s shelf, one, two record) {
	t.Helper()
	a, b := s.read(t, one), s.read(t, two)
	if fmt.Sprint(a) == fmt.Sprint(b) {
		t.Fatalf("%+v and %+v are alike", one, two)
	}
	s.write(t, one, b)
	s.write(t, two, a)
}

type sqliteShelf struct{ db *sql.DB }

// sqliteRows say, by kind, which columns a record is, and which row a spot's is.
// $t, $u and $c stand for the ids of tenant, user and conversation.
var sqliteRows = map[string]struct{ columns, table, where string }{
	"tenant":       {"profile version", "tenants", "tenant = $t"},
	"api key":      {"sealed", "api_keys", "tenant = (SELECT id FROM tenants WHERE tenant = $t)"},
	"user":         {"sealed version", "users", "user = $u"},
	"conversation": {"sealed version", "conversations", "conversation = $c"},
	"buffer":       {"sealed interaction accepted_at", "buffer", "conversation = (SELECT id FROM conversations WHERE conversation = $c)"},
	"blob": {
		"kind numbers interactions first_at last_at key_version size version sealed", "blobs",
		"conversation = (SELECT id FROM conversations WHERE conversation = $c)",
	},
	"fact": {
		"kind numbers interactions first_at last_at key_version size version sealed", "blobs",
		"conversation IS NULL AND user = (SELECT id FROM users WHERE user = $u)",
	},
	"index":    {"key_version size sealed", "derived", "kind = 'index' AND user = (SELECT id FROM users WHERE user = $u)"},
	"vectors":  {"key_version size sealed", "derived", "kind = 'vectors' AND user = (SELECT id FROM users WHERE user = $u)"},
	"data key": {"provider wrapped", "data_keys", "destroyed = 0 AND version = 1 AND tenant = (SELECT id FROM tenants WHERE tenant = $t)"},
	"answer": {
		"response", "idempotency", // to a request that every tenant made
		"tenant = (SELECT id FROM tenants WHERE tenant = $t) AND key IN (SELECT key FROM idempotency GROUP BY key HAVING count(*) = 4) ORDER BY key",
	},
}

func (d *deployment) shelf(t *testing.T) (shelf, func()) {
	t.Helper()
	if d.redis != "" {
		return redisShelf{dialRedis(t, d.redis)}, func() {}
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(d.dir, "raven.db")+"?_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	return sqliteShelf{db}, func() { _ = db.Close() }
}

func (s sqliteShelf) find(t *testing.T, kind string, of spot) record {
	t.Helper()
	k := sqliteRows[kind]
	where := strings.NewReplacer("$t", "'"+of.r.id+"'", "$u", "'"+of.user()+"'", "$c", "'"+of.talk()+"'").Replace(k.where)
	rows := query(t, s.db, fmt.Sprintf("SELECT id FROM %s WHERE %s", k.table, where))
	if len(rows) == 0 {
		t.Fatalf("no %s WHERE %s", kind, where)
	}
	return record{at: fmt.Sprintf("%s WHERE id = %s", k.table, rows[0]["id"]), fields: strings.Fields(k.columns)}
}

func (s sqliteShelf) read(t *testing.T, r record) []any {
	t.Helper()
	values, into := make([]any, len(r.fields)), make([]any, len(r.fields))
	for i := range values {
		into[i] = &values[i]
	}
	if err := s.db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %s FROM %s", strings.Join(r.fields, ", "), r.at)).Scan(into...); err != nil {
		t.Fatal(err)
	}
	return values
}

func (s sqliteShelf) write(t *testing.T, r record, values []any) {
	t.Helper()
	table, where, _ := strings.Cut(r.at, " ")
	_, err := s.db.ExecContext(t.Context(), fmt.Sprintf("UPDATE %s SET %s = ? %s", table, strings.Join(r.fields, " = ?, "), where), values...)
	if err != nil {
		t.Fatal(err)
	}
}

type redisShelf struct{ c *goredis.Client }

func (s redisShelf) find(t *testing.T, kind string, of spot) record {
	t.Helper()
	tenant := "tenant:{" + of.r.id + "}"
	user := tenant + ":user:" + of.user()
	talk := user + ":conversation:" + of.talk()
	switch kind {
	case "tenant":
		return record{at: tenant, fields: []string{"profile", "version"}}
	case "api key":
		return record{at: tenant + ":apikeys", entry: s.c.HKeys(t.Context(), tenant+":apikeys").Val()[0], fields: []string{"sealed"}}
	case "data key":
		return record{at: tenant + ":datakeys", entry: "1", fields: []string{"provider", "wrapped"}}
	case "user":
		return record{at: user, fields: []string{"sealed", "version"}}
	case "conversation":
		return record{at: talk, fields: []string{"sealed", "version"}}
	case "buffer":
		entries := s.c.XRange(t.Context(), talk+":buffer", "-", "+").Val()
		return record{at: talk + ":buffer", entry: entries[0].ID, fields: []string{"id", "sealed", "accepted_at"}}
	case "blob":
		return record{at: user + ":blob:" + s.member(t, talk+":blobs", ""), fields: []string{"header", "size", "version", "sealed"}}
	case "fact":
		return record{at: user + ":blob:" + s.member(t, user+":semantic:blob_ids", ""), fields: []string{"header", "size", "version", "sealed"}}
	case "index", "vectors":
		return record{at: user + ":derived", fields: []string{s.member(t, user+":derived:ids", kind+"/")}}
	case "answer":
		return record{at: tenant + ":" + s.common(t), fields: []string{"response"}}
	}
	t.Fatalf("no such kind: %s", kind)
	return record{}
}

// member is the id in the first member of a list that begins with a text.
func (s redisShelf) member(t *testing.T, key, prefix string) string {
	t.Helper()
	for _, m := range s.c.ZRange(t.Context(), key, 0, -1).Val() {
		if strings.HasPrefix(m, prefix) {
			for _, part := range strings.Split(m, "/") {
				if strings.Contains(part, "_0") { // an id
					return part
				}
			}
		}
	}
	t.Fatalf("%s holds nothing that begins with %q", key, prefix)
	return ""
}

// common is a claim that every tenant made.
func (s redisShelf) common(t *testing.T) string {
	t.Helper()
	seen := map[string]int{}
	for _, key := range s.c.Keys(t.Context(), "tenant:*:idempotency:*").Val() {
		_, name, _ := strings.Cut(key, "}:")
		seen[name]++
		if seen[name] == 4 {
			return name
		}
	}
	t.Fatal("no request was made by every tenant")
	return ""
}

func (s redisShelf) read(t *testing.T, r record) (values []any) {
	t.Helper()
	fields := map[string]any{}
	switch {
	case strings.HasSuffix(r.at, ":buffer"):
		fields = s.c.XRange(t.Context(), r.at, r.entry, r.entry).Val()[0].Values
	case r.entry != "":
		if err := json.Unmarshal([]byte(s.c.HGet(t.Context(), r.at, r.entry).Val()), &fields); err != nil {
			t.Fatal(err)
		}
	default:
		for name, value := range s.c.HGetAll(t.Context(), r.at).Val() {
			fields[name] = value
		}
	}
	for _, name := range r.fields {
		if fields[name] == nil {
			t.Fatalf("%s has no %s", r.at, name)
		}
		values = append(values, fields[name])
	}
	return values
}

func (s redisShelf) write(t *testing.T, r record, values []any) {
	t.Helper()
	switch {
	case strings.HasSuffix(r.at, ":buffer"):
		s.rewrite(t, r, values)
	case r.entry != "":
		fields := map[string]any{}
		err := json.Unmarshal([]byte(s.c.HGet(t.Context(), r.at, r.entry).Val()), &fields)
		for i, name := range r.fields {
			fields[name] = values[i]
		}
		text, failed := json.Marshal(fields)
		if err != nil || failed != nil || s.c.HSet(t.Context(), r.at, r.entry, text).Err() != nil {
			t.Fatal(err, failed)
		}
	default:
		for i, name := range r.fields {
			if err := s.c.HSet(t.Context(), r.at, name, values[i]).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// rewrite writes a stream anew, with an entry changed.
func (s redisShelf) rewrite(t *testing.T, r record, values []any) {
	t.Helper()
	entries := s.c.XRange(t.Context(), r.at, "-", "+").Val()
	if err := s.c.Del(t.Context(), r.at).Err(); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		for i, name := range r.fields {
			if e.ID == r.entry {
				e.Values[name] = values[i]
			}
		}
		var list []any
		for _, name := range []string{"id", "position", "accepted_at", "sealed"} { // the scripts go by their order
			list = append(list, name, e.Values[name])
		}
		if err := s.c.XAdd(t.Context(), &goredis.XAddArgs{Stream: r.at, ID: e.ID, Values: list}).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
