package e2e

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	bytesof "encoding/binary"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/raven-memory/raven/core"
)

// cell is a value of a store as it lies there: a column of a row, a field of a
// hash, an entry of a stream.
type cell struct {
	where string        // in words, for messages
	owner core.TenantID // whose it is; core.DeploymentTenant of nobody's
	bytes []byte
}

// raw is all that a store holds, read from its tables or keys and not through
// its adapter, and where in it a sealed thing can belong.
type raw struct {
	cells  []cell
	places map[core.Place]bool
}

func (r *raw) add(where string, owner core.TenantID, value []byte) {
	r.cells = append(r.cells, cell{where, owner, value})
}

// at adds a place in every version up to one: what a repeat is answered from may
// hold an older one.
func (r *raw) at(place core.Place, version int64) {
	for place.Version = 1; place.Version <= version; place.Version++ {
		r.places[place] = true
	}
}

// common adds the places of what has no row of its own: the key for look-ups, the
// webhook of a tenant that is gone.
func (r *raw) common(tenants []core.TenantID) {
	for _, id := range append(tenants, core.DeploymentTenant) {
		r.places[core.Place{Tenant: id, Kind: core.KindDataKey, Record: "0", Version: 1}] = true
	}
	for _, c := range r.cells {
		if c.owner != core.DeploymentTenant || !strings.Contains(c.where, "deliver") && !strings.Contains(c.where, "events") {
			continue
		}
		text := string(bytes.Join(append(decoded(c.bytes), c.bytes, []byte(c.where)), []byte(" ")))
		for _, tenant := range regexp.MustCompile(`ten_[0-9a-z]{26}`).FindAllString(text, -1) {
			for _, id := range regexp.MustCompile(`(evt|dlv)_[0-9a-z]{26}`).FindAllString(text, -1) {
				r.places[core.WebhookPlace(core.TenantID(tenant), core.EventID("evt_"+id[4:]))] = true
			}
		}
	}
}

// envelope is something sealed that a store holds.
type envelope struct {
	where  string
	owner  core.TenantID
	sealed []byte
}

var (
	magic    = []byte("RV\x01")
	inBase64 = regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`)
)

// envelopes finds everything sealed, on its own, packed with other things, and in
// base 64, in that of a JSON text inside another's as well.
func (r *raw) envelopes(t *testing.T) (list []envelope) {
	t.Helper()
	for _, c := range r.cells {
		for _, value := range append(decoded(c.bytes), c.bytes) {
			for _, sealed := range unpack(t, c.where, value) {
				list = append(list, envelope{c.where, c.owner, sealed})
			}
		}
	}
	return list
}

// decoded is what is written in a value in base 64, at any depth.
func decoded(value []byte) (list [][]byte) {
	if bytes.HasPrefix(value, magic) {
		return nil
	}
	value = bytes.ReplaceAll(value, []byte(`\/`), []byte("/")) // as Redis writes JSON
	for _, text := range inBase64.FindAll(value, -1) {
		plain, err := base64.StdEncoding.DecodeString(string(text))
		if err == nil {
			list = append(append(list, plain), decoded(plain)...)
		}
	}
	return list
}

// unpack gives the envelopes in a value: the whole of it, or texts of a packed
// list (MessagePack), before which their lengths stand.
func unpack(t *testing.T, where string, value []byte) (list [][]byte) {
	t.Helper()
	if bytes.HasPrefix(value, magic) {
		return [][]byte{value}
	}
	for from := 0; ; {
		i := bytes.Index(value[from:], magic)
		if i < 0 {
			return list
		}
		at := from + i
		size := packedLength(value[:at])
		if size < core.EnvelopeOverhead || size > len(value)-at {
			if at+4 <= len(value) && value[at+3] == core.SuiteHKDFAESGCM { // else it is a coincidence
				t.Errorf("%s holds something sealed in a form that this test does not know: %.60q", where, value[max(0, at-20):])
			}
			from = at + len(magic)
			continue
		}
		list = append(list, value[at:at+size])
		from = at + size
	}
}

func packedLength(before []byte) int {
	n := len(before)
	switch {
	case n >= 2 && before[n-2] == 0xd9:
		return int(before[n-1])
	case n >= 3 && before[n-3] == 0xda:
		return int(bytesof.BigEndian.Uint16(before[n-2:]))
	case n >= 5 && before[n-5] == 0xdb:
		return int(bytesof.BigEndian.Uint32(before[n-4:]))
	}
	return -1
}

// rawSQLite reads every column of every table.
func rawSQLite(t *testing.T, dir string) *raw {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "raven.db")+"?_pragma=busy_timeout(20000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r := &raw{places: map[core.Place]bool{}}
	tenants := map[string]core.TenantID{"0": core.DeploymentTenant}
	var ids []core.TenantID
	for _, row := range query(t, db, `SELECT id, tenant, version FROM tenants`) {
		id := core.TenantID(row["tenant"])
		tenants[string(row["id"])] = id
		ids = append(ids, id)
		r.at(core.TenantPlace(id, 0), number(row["version"]))
	}
	users := map[string]core.TenantID{}
	for _, row := range query(t, db, `SELECT id, tenant FROM users`) {
		users[string(row["id"])] = tenants[string(row["tenant"])]
	}
	for _, table := range query(t, db, `SELECT name FROM sqlite_schema WHERE type = 'table'`) {
		for _, row := range query(t, db, fmt.Sprintf(`SELECT * FROM %q`, table["name"])) {
			owner, ok := tenants[string(row["tenant"])]
			switch user, below := users[string(row["user"])]; {
			case ok:
			case below:
				owner = user
			case bytes.HasPrefix(row["tenant"], []byte("ten_")):
				owner = core.TenantID(row["tenant"])
			default:
				owner = core.DeploymentTenant
			}
			for column, value := range row {
				r.add(fmt.Sprintf("%s.%s of row %s", table["name"], column, row["id"]), owner, value)
			}
		}
	}
	r.placesOfSQLite(t, db)
	r.common(ids)
	return r
}

func (r *raw) placesOfSQLite(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, k := range query(t, db, `SELECT t.tenant, k.key FROM api_keys k JOIN tenants t ON t.id = k.tenant`) {
		r.places[core.KeyPlace(core.TenantID(k["tenant"]), core.KeyID(k["key"]))] = true
	}
	for _, u := range query(t, db, `SELECT t.tenant, u.user, u.version FROM users u JOIN tenants t ON t.id = u.tenant`) {
		r.at(core.UserPlace(core.TenantID(u["tenant"]), core.UserID(u["user"]), 0), number(u["version"]))
	}
	for _, c := range query(t, db, `SELECT t.tenant, u.user, c.conversation, c.version
		FROM conversations c JOIN users u ON u.id = c.user JOIN tenants t ON t.id = u.tenant`) {
		r.at(core.ConversationPlace(core.TenantID(c["tenant"]), core.UserID(c["user"]), core.ConversationID(c["conversation"]), 0), number(c["version"]))
	}
	for _, b := range query(t, db, `SELECT t.tenant, u.user, c.conversation, b.interaction
		FROM buffer b JOIN conversations c ON c.id = b.conversation JOIN users u ON u.id = c.user JOIN tenants t ON t.id = u.tenant`) {
		r.places[core.InteractionPlace(core.TenantID(b["tenant"]), core.UserID(b["user"]), core.ConversationID(b["conversation"]), core.InteractionID(b["interaction"]))] = true
	}
	for _, b := range query(t, db, `SELECT t.tenant, u.user, coalesce(c.conversation, '') AS conversation, b.blob, b.version
		FROM blobs b JOIN users u ON u.id = b.user JOIN tenants t ON t.id = u.tenant LEFT JOIN conversations c ON c.id = b.conversation`) {
		blob := core.BlobRecord{ID: core.BlobID(b["blob"]), User: core.UserID(b["user"]), Conversation: core.ConversationID(b["conversation"])}
		r.at(core.BlobPlace(core.TenantID(b["tenant"]), blob), number(b["version"]))
	}
	for _, d := range query(t, db, `SELECT t.tenant, u.user, d.kind, d.conversation, d.derived, d.version
		FROM derived d JOIN users u ON u.id = d.user JOIN tenants t ON t.id = u.tenant`) {
		r.places[core.DerivedPlace(core.TenantID(d["tenant"]), core.DerivedRecord{
			ID: core.DerivedID(d["derived"]), User: core.UserID(d["user"]), Kind: core.DerivedKind(d["kind"]),
			Conversation: core.ConversationID(d["conversation"]), Version: number(d["version"]),
		})] = true
	}
	for _, c := range query(t, db, `SELECT coalesce(t.tenant, '') AS tenant, hex(i.key) AS key FROM idempotency i LEFT JOIN tenants t ON t.id = i.tenant`) {
		r.replayPlaces(core.TenantID(c["tenant"]), strings.ToLower(string(c["key"])))
	}
}

// replayPlaces are those of an answer that is kept: of the deployment's keys, and
// for what is below a user, of the tenant's.
func (r *raw) replayPlaces(owner core.TenantID, key string) {
	if owner == "" {
		owner = core.DeploymentTenant
	}
	for _, tenant := range []core.TenantID{core.DeploymentTenant, owner} {
		r.places[core.Place{Tenant: tenant, Kind: core.KindReplay, Record: string(owner) + "/" + key, Version: 1}] = true
	}
}

func number(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64)
	return n
}

// query gives the rows, each by the names of its columns; NULL is nil.
func query(t *testing.T, db *sql.DB, text string) (list []map[string][]byte) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([][]byte, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := map[string][]byte{}
		for i, name := range names {
			row[name] = values[i]
		}
		list = append(list, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// rawRedis reads every key.
func rawRedis(t *testing.T, url string) *raw {
	t.Helper()
	c := dialRedis(t, url)
	r := &raw{places: map[core.Place]bool{}}
	var ids []core.TenantID
	each := c.Scan(t.Context(), 0, "*", 1000).Iterator()
	for each.Next(t.Context()) {
		key := each.Val()
		owner := core.DeploymentTenant
		if rest, ok := strings.CutPrefix(key, "tenant:{"); ok {
			id, below, _ := strings.Cut(rest, "}")
			owner = core.TenantID(id)
			if below == "" {
				ids = append(ids, owner)
			}
		}
		r.add("the name of "+key, owner, []byte(key))
		values := valuesOf(t, c, key)
		for name, value := range values {
			r.add(key+" "+name, owner, []byte(value))
		}
		r.placesOfRedis(owner, key, values)
	}
	if err := each.Err(); err != nil {
		t.Fatal(err)
	}
	r.common(ids)
	return r
}

func dialRedis(t *testing.T, url string) *goredis.Client {
	t.Helper()
	options, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(options)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// valuesOf is what a key holds, by field, or by entry and field.
func valuesOf(t *testing.T, c *goredis.Client, key string) map[string]string {
	t.Helper()
	ctx := t.Context()
	values := map[string]string{}
	list := func(members []string, err error) error {
		for i, m := range members {
			values[fmt.Sprint("member ", i)] = m
		}
		return err
	}
	var err error
	switch kind := c.Type(ctx, key).Val(); kind {
	case "string":
		values["value"], err = c.Get(ctx, key).Result()
	case "hash":
		values, err = c.HGetAll(ctx, key).Result()
	case "set":
		err = list(c.SMembers(ctx, key).Result())
	case "zset":
		err = list(c.ZRange(ctx, key, 0, -1).Result())
	case "list":
		err = list(c.LRange(ctx, key, 0, -1).Result())
	case "stream":
		var entries []goredis.XMessage
		entries, err = c.XRange(ctx, key, "-", "+").Result()
		for _, e := range entries {
			for name, value := range e.Values {
				values[e.ID+" "+name] = fmt.Sprint(value)
			}
		}
	case "none": // it has expired
	default:
		t.Fatalf("%s is a %s, which this test cannot read", key, kind)
	}
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return values
}

var (
	atUser         = regexp.MustCompile(`^tenant:\{.*\}:user:(usr_\w+)$`)
	atConversation = regexp.MustCompile(`^tenant:\{.*\}:user:(usr_\w+):conversation:(cnv_\w+)$`)
	atBuffer       = regexp.MustCompile(`^tenant:\{.*\}:user:(usr_\w+):conversation:(cnv_\w+):buffer$`)
	atBlob         = regexp.MustCompile(`^tenant:\{.*\}:user:(usr_\w+):blob:(\w+)$`)
	atDerived      = regexp.MustCompile(`^tenant:\{.*\}:user:(usr_\w+):derived$`)
	atClaim        = regexp.MustCompile(`:idempotency:([0-9a-f]{64})$`)
)

func (r *raw) placesOfRedis(owner core.TenantID, key string, values map[string]string) {
	version := number([]byte(values["version"]))
	if m := atClaim.FindStringSubmatch(key); m != nil {
		r.replayPlaces(owner, m[1])
	}
	switch {
	case key == "tenant:{"+string(owner)+"}":
		r.at(core.TenantPlace(owner, 0), version)
	case strings.HasSuffix(key, "}:apikeys"):
		for id := range values {
			r.places[core.KeyPlace(owner, core.KeyID(id))] = true
		}
	case atUser.MatchString(key):
		r.at(core.UserPlace(owner, core.UserID(atUser.FindStringSubmatch(key)[1]), 0), version)
	case atConversation.MatchString(key):
		m := atConversation.FindStringSubmatch(key)
		r.at(core.ConversationPlace(owner, core.UserID(m[1]), core.ConversationID(m[2]), 0), version)
	case atBuffer.MatchString(key):
		m := atBuffer.FindStringSubmatch(key)
		for name, value := range values {
			if strings.HasSuffix(name, " id") {
				r.places[core.InteractionPlace(owner, core.UserID(m[1]), core.ConversationID(m[2]), core.InteractionID(value))] = true
			}
		}
	case atBlob.MatchString(key):
		m := atBlob.FindStringSubmatch(key)
		r.at(core.BlobPlace(owner, core.BlobRecord{ID: core.BlobID(m[2]), User: core.UserID(m[1]), Conversation: core.ConversationID(values["conversation"])}), version)
	case atDerived.MatchString(key):
		for name, value := range values {
			h := strings.Split(value, "/") // kind, conversation, first, last, version
			if id, ok := strings.CutSuffix(name, "/header"); ok && len(h) == 5 {
				r.places[core.DerivedPlace(owner, core.DerivedRecord{
					ID: core.DerivedID(id), User: core.UserID(atDerived.FindStringSubmatch(key)[1]),
					Kind: core.DerivedKind(h[0]), Conversation: core.ConversationID(h[1]), Version: number([]byte(h[4])),
				})] = true
			}
		}
	}
}
