package redis_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/raven-memory/raven/adapters/redis"
	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/test/backend"
)

// The names are a promise to whoever looks with redis-cli.
var names = compile(
	// Fixed from the beginning.
	`tenant:{T}`, `tenant:email:E`, `apikey:hash:H`,
	`tenant:{T}:apikeys`, `tenant:{T}:users`, `tenant:{T}:user:U`, `tenant:{T}:user:external:E`,
	`tenant:{T}:user:U:conversations`, `tenant:{T}:user:U:conversation:C`,
	`tenant:{T}:user:U:conversation:C:buffer`, `tenant:{T}:user:U:episodic:blob_ids`,
	// Beside them.
	`tenant:{T}:usage`, `tenant:{T}:events`, `tenant:{T}:datakeys`, `tenant:{T}:reencryption`, `tenant:{T}:lease:E`, `tenant:{T}:exhausted`, `tenant:{T}:idle`,
	`tenant:{T}:expiry:blobs`, `tenant:{T}:expiry:buffers`, `tenant:{T}:purge`,
	`tenant:{T}:operations`, `tenant:{T}:op:E`, `tenant:{T}:idempotency:H`, `tenant:{T}:rate:E`,
	`tenant:{T}:user:U:changes`, `tenant:{T}:user:U:buffered`, `tenant:{T}:user:U:blobs`, `tenant:{T}:user:U:blob:B`,
	`tenant:{T}:user:U:conversations:external`, `tenant:{T}:user:U:conversation:C:blobs`, `tenant:{T}:user:U:cleared`,
	`tenant:{T}:user:U:semantic:blob_ids`, `tenant:{T}:user:U:semantic:keys`,
	`tenant:{T}:user:U:derived`, `tenant:{T}:user:U:derived:ids`, `tenant:{T}:user:U:derived:parts`,
	`tenant:{T}:positions`, `tenant:{T}:audit`, `tenant:{T}:audit:head`, `tenant:{T}:audit:times`, `tenant:{T}:audit:checkpoints`, `tenant:{T}:audit:dropped`,
	`tenant:{T}:audit:type:E`, `tenant:{T}:audit:actor:E:type:E`, `tenant:{T}:audit:actor:E`,
	`tenant:{T}:deliveries`, `tenant:{T}:deliveries:log`, `tenant:{T}:deliveries:pending`, `tenant:{T}:deliveries:ended`,
	// The deployment's.
	`raven:{deployment}`, `raven:tenants`, `raven:health`, `raven:{rate}:E`,
	`raven:{deployment}:datakeys`, `raven:{deployment}:reencryption`, `raven:{deployment}:usage`, `raven:{deployment}:events`,
	`raven:{deployment}:positions`, `raven:{deployment}:audit`, `raven:{deployment}:audit:E`,
	`raven:{outboxes}`, `raven:{outboxes}:reserved`, `raven:{deliveries}`, `raven:{deliveries}:turns`, `raven:audits`,
	`raven:{deployment}:lease:E`, `raven:{rotating}`, `raven:{rotating}:reserved`,
	`raven:{deployment}:operations`, `raven:{deployment}:op:E`, `raven:{deployment}:idempotency:H`,
)

func compile(patterns ...string) []*regexp.Regexp {
	ulid := `[0-7][0-9a-hjkmnp-tv-z]{25}`
	parts := strings.NewReplacer(`{T}`, `\{ten_`+ulid+`\}`, `{rotating}`, `\{rotating\}`, `{outboxes}`, `\{outboxes\}`, `{deliveries}`, `\{deliveries\}`, `:U`, `:usr_`+ulid, `:C`, `:cnv_`+ulid, `:B`, `:blob_`+ulid,
		`:H`, `:[0-9a-f]{64}`, `:E`, `:[^{}\x00-\x20\x7f]+`, `{rate}`, `\{rate\}`, `{deployment}`, `\{deployment\}`)
	list := make([]*regexp.Regexp, 0, len(patterns))
	for _, p := range patterns {
		list = append(list, regexp.MustCompile(`^`+parts.Replace(p)+`$`))
	}
	return list
}

func TestKeysAreNamedAsDocumented(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	l := live(t, open(t, redis.Options{URL: url}))
	seen := map[*regexp.Regexp]bool{}
	for _, key := range allKeys(t, url) {
		at := slices.IndexFunc(names, func(r *regexp.Regexp) bool { return r.MatchString(key) })
		if at < 0 {
			t.Errorf("a key is called %q", key)
			continue
		}
		seen[names[at]] = true
		own := "tenant:{" + string(l.tenant) + "}"
		if strings.Contains(key, string(l.tenant)) && key != own && !strings.HasPrefix(key, own+":") {
			t.Errorf("a key of the tenant's is outside its prefix: %q", key)
		}
	}
	for _, name := range names {
		// These are there only for as long as something is to be removed.
		if !seen[name] && !strings.Contains(name.String(), "purge") && !strings.Contains(name.String(), "cleared") {
			t.Errorf("no key is called %v: the test does not reach it, or it is not used", name)
		}
	}
}

func TestDeletionsLeaveNoKeyBehind(t *testing.T) {
	t.Parallel()
	for name, del := range map[string]func(l *life){
		"from the inside out": (*life).end,
		"users at once":       (*life).deleteUsers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := backend.SharedRedis(t)
			l := live(t, open(t, redis.Options{URL: url}))
			del(l)
			gone := []string{"user", "users", "purge", "expiry", "idle", "exhausted"}
			for _, key := range allKeys(t, url) {
				_, rest, _ := strings.Cut(key, "}:")
				if kind, _, _ := strings.Cut(rest, ":"); slices.Contains(gone, kind) {
					t.Errorf("without users, there is %q", key)
				}
			}
			l.vanish()
			for _, key := range allKeys(t, url) {
				others := strings.HasPrefix(key, "raven:") && !strings.Contains(key, string(l.tenant))
				if !l.outlives(key) && !others && !expires(t, url, key) {
					t.Errorf("without its tenant, there is %q", key)
				}
			}
		})
	}
}

// Redis forgets by itself what nobody may ask for any more.
func TestOutcomesAndAnswersExpireWithTheirTime(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	l := live(t, open(t, redis.Options{URL: url}))
	until := strconv.FormatInt(l.Op().Until.UnixMilli(), 10)
	for _, key := range allKeys(t, url) {
		expiry := fmt.Sprint(command(t, url, "PEXPIRETIME", key))
		switch {
		case strings.Contains(key, ":op:") && expiry != until:
			t.Errorf("%s expires at %s, want %s", key, expiry, until)
		case strings.Contains(key, ":idempotency:"), strings.Contains(key, "rate"), strings.Contains(key, ":lease:"):
			if expiry == "-1" {
				t.Errorf("%s stays", key)
			}
		case !strings.Contains(key, ":op:") && expiry != "-1":
			t.Errorf("%s expires at %s", key, expiry)
		}
	}
}

func TestWholeTenantIsPurgedWithAllItHas(t *testing.T) {
	t.Parallel()
	url := backend.SharedRedis(t)
	l := live(t, open(t, redis.Options{URL: url}))
	l.vanish()
	own := "tenant:{" + string(l.tenant) + "}"
	for _, key := range allKeys(t, url) {
		if strings.HasPrefix(key, own) && !l.outlives(key) && !strings.HasPrefix(key, own+":rate:") && !strings.HasPrefix(key, own+":lease:") ||
			strings.HasPrefix(key, "apikey:") || strings.HasPrefix(key, "tenant:email:") {
			t.Errorf("without its tenant, there is %q", key)
		}
	}
}

// outlives reports whether a key is one that outlives the tenant: what is to be
// relayed, and the audit log.
func (l *life) outlives(key string) bool {
	kind, of := strings.CutPrefix(key, "tenant:{"+string(l.tenant)+"}:")
	return of && (kind == "events" || kind == "positions" || kind == "audit" || strings.HasPrefix(kind, "audit:"))
}

// When all is relayed, a tenant that is gone leaves its audit log and no more.
func TestTenantThatIsRelayedLeavesItsAuditLogOnly(t *testing.T) {
	t.Parallel()
	for name, finish := range map[string][]func(l *life){
		"trimmed last": {(*life).vanish, (*life).trim},
		"purged last": {func(l *life) {
			l.ok(l.DeleteTenant(l.Ctx, l.tenant, core.Op{}, l.MakeEvent(l.tenant, core.EventTenantDeleted)))
		}, (*life).trim, (*life).purge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := backend.SharedRedis(t)
			l := live(t, open(t, redis.Options{URL: url}))
			for _, step := range finish {
				step(l)
			}
			for _, key := range allKeys(t, url) {
				_, kind, _ := strings.Cut(key, "}:")
				if strings.HasPrefix(key, "tenant:{"+string(l.tenant)) && !strings.HasPrefix(kind, "audit") && !expires(t, url, key) {
					t.Errorf("there is %q", key)
				}
			}
		})
	}
}

func (l *life) trim() {
	l.t.Helper()
	l.ok(l.TrimEvents(l.Ctx, l.tenant, 1<<62))
}

// expires reports whether a key is bound to go by itself.
func expires(t *testing.T, url, key string) bool {
	t.Helper()
	ms, _ := command(t, url, "PTTL", key).(int64)
	return ms > 0
}

func allKeys(t *testing.T, url string) (keys []string) {
	t.Helper()
	o, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := goredis.NewClient(o)
	defer client.Close() //nolint:errcheck // it has served
	iter := client.Scan(context.Background(), 0, "*", 1000).Iterator()
	for iter.Next(context.Background()) {
		keys = append(keys, iter.Val())
	}
	if err := iter.Err(); err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestTextsInKeysStayApartAndInTheirPlace(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("%{}:0a2 \x00é")), 0, 600, -1),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(rt, "text")
		escaped := redis.Escape(text)
		if strings.ContainsAny(escaped, "{} \r\n\x00\x7f") || len(escaped) > 1024 || strings.ToValidUTF8(escaped, "") != escaped {
			rt.Fatalf("%q becomes %q", text, escaped)
		}
		if other, ok := seen[escaped]; ok && other != text {
			rt.Fatalf("%q and %q both become %q", text, other, escaped)
		}
		seen[escaped] = text
	})
	if got := redis.Escape("ada@example.com"); got != "ada@example.com" {
		t.Errorf("a plain email becomes %q", got)
	}
	if a, b := redis.Escape(strings.Repeat("a", 2000)), redis.Escape(strings.Repeat("a", 2001)); a == b {
		t.Error("two long texts become one")
	}
}

func TestBucketsOfATenantAreInItsSlot(t *testing.T) {
	t.Parallel()
	id := core.TenantID("ten_01arz3ndektsv4rrffq69g5fav")
	own := "tenant:{" + string(id) + "}:rate:"
	for bucket, prefix := range map[string]string{
		"tenant:" + string(id):             own,
		"tenant:" + string(id) + ":search": own,
		"tenant:" + string(id) + "x":       "raven:{rate}:",
		"tenant:{x}":                       "raven:{rate}:",
		"address:10.0.0.1":                 "raven:{rate}:",
		"":                                 "raven:{rate}:",
	} {
		if got := redis.RateKey(bucket); !strings.HasPrefix(got, prefix) {
			t.Errorf("the bucket %q is at %q", bucket, got)
		}
	}
}

func hashKey(hash core.KeyHash) string { return fmt.Sprintf("apikey:hash:%x", hash) }
