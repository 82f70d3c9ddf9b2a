package fiberhttp

import (
	"errors"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

const (
	tenantBody = `{"name":"Acme","email":"a@b.example"`
	one        = `{"role":"user","content":"hi"}`
)

func saidAt(at string) string {
	return `{"interactions":[{"role":"user","content":"hi","occurred_at":"` + at + `"}]}`
}

// bodies are refused with the code, at the location; "" is no location.
var badBodies = []struct{ name, body, code, location string }{
	{"empty", "", "bad_request", ""},
	{"white space", " \r\n\t", "bad_request", ""},
	{"no JSON", "hello", "bad_request", ""},
	{"byte-order mark", "\ufeff" + tenantBody + "}", "bad_request", ""},
	{"UTF-16", "{\x00}\x00", "bad_request", ""},
	{"cut short", tenantBody, "bad_request", ""},
	{"cut in a string", `{"name":"Ac`, "bad_request", ""},
	{"cut in a literal", `{"name":tru`, "bad_request", ""},
	{"trailing comma", tenantBody + ",}", "bad_request", ""},
	{"trailing garbage", tenantBody + "}x", "bad_request", ""},
	{"two values", tenantBody + "}{}", "bad_request", ""},
	{"trailing bracket", tenantBody + "}]", "bad_request", ""},
	{"comment", `{/**/"name":"Acme"}`, "bad_request", ""},
	{"single quotes", `{'name':'Acme'}`, "bad_request", ""},
	{"unquoted name", `{name:"Acme"}`, "bad_request", ""},
	{"NaN", `{"settings":{"batch_size":NaN}}`, "bad_request", ""},
	{"Infinity", `{"settings":{"batch_size":Infinity}}`, "bad_request", ""},
	{"leading zero", `{"settings":{"batch_size":01}}`, "bad_request", ""},
	{"leading plus", `{"settings":{"batch_size":+1}}`, "bad_request", ""},
	{"hex number", `{"settings":{"batch_size":0x10}}`, "bad_request", ""},
	{"bare point", `{"settings":{"batch_size":1.}}`, "bad_request", ""},
	{"raw newline in a string", "{\"name\":\"a\nb\"}", "bad_request", ""},
	{"raw NUL in a string", "{\"name\":\"a\x00b\"}", "bad_request", ""},
	{"bad escape", `{"name":"\x41"}`, "bad_request", ""},
	{"bad UTF-8", "{\"name\":\"\xff\"}", "bad_request", ""},
	{"bad UTF-8 in an unknown field", "{\"foo\":\"\xff\"}", "bad_request", ""},
	{"bad UTF-8 in a name", "{\"na\xffme\":1}", "bad_request", ""},
	{"overlong UTF-8", "{\"name\":\"\xc0\x80\"}", "bad_request", ""},
	{"surrogate as UTF-8", "{\"name\":\"\xed\xa0\x80\"}", "bad_request", ""},
	{"high surrogate alone", `{"name":"\ud83d"}`, "bad_request", ""},
	{"low surrogate alone", `{"name":"\ude00"}`, "bad_request", ""},
	{"surrogates in wrong order", `{"name":"\ude00\ud83d"}`, "bad_request", ""},
	{"lone surrogate in metadata", `{"metadata":{"a":"\ud83d"}}`, "bad_request", ""},
	{"member twice", tenantBody + `,"name":"B"}`, "bad_request", ""},
	{"member twice by escape", `{"name":"A","n\u0061me":"B"}`, "bad_request", ""},
	{"member twice below", `{"settings":{"batch_size":1,"batch_size":2}}`, "bad_request", ""},
	{"member twice in metadata", `{"metadata":{"a":1,"a":1}}`, "bad_request", ""},
	{"unknown member twice", `{"foo":1,"foo":2}`, "bad_request", ""},

	{"null", "null", "validation_failed", "body"},
	{"a list", "[]", "validation_failed", "body"},
	{"a string", `"name"`, "validation_failed", "body"},
	{"a number", "1", "validation_failed", "body"},
	{"true", "true", "validation_failed", "body"},
	{"nothing in it", "{}", "validation_failed", "body.name"},
	{"email missing", `{"name":"Acme"}`, "validation_failed", "body.email"},
	{"unknown field", tenantBody + `,"foo":1}`, "validation_failed", "body.foo"},
	{"unknown empty field", tenantBody + `,"":1}`, "validation_failed", "body."},
	{"unknown field below", tenantBody + `,"settings":{"foo":1}}`, "validation_failed", "body.settings.foo"},
	{"wrong letter case", `{"Name":"Acme","email":"a@b.example"}`, "validation_failed", "body.Name"},
	{"wrong letter case below", tenantBody + `,"settings":{"Batch_Size":1}}`, "validation_failed", "body.settings.Batch_Size"},
	{"camel case", tenantBody + `,"settings":{"batchSize":1}}`, "validation_failed", "body.settings.batchSize"},
	{"name null", `{"name":null,"email":"a@b.example"}`, "validation_failed", "body.name"},
	{"name a number", `{"name":1,"email":"a@b.example"}`, "validation_failed", "body.name"},
	{"name a list", `{"name":["A"],"email":"a@b.example"}`, "validation_failed", "body.name"},
	{"name an object", `{"name":{},"email":"a@b.example"}`, "validation_failed", "body.name"},
	{"name true", `{"name":true,"email":"a@b.example"}`, "validation_failed", "body.name"},
	{"NUL in a name", `{"name":"a\u0000b","email":"a@b.example"}`, "validation_failed", "body.name"},
	{"settings a list", tenantBody + `,"settings":[]}`, "validation_failed", "body.settings"},
	{"settings a string", tenantBody + `,"settings":"x"}`, "validation_failed", "body.settings"},
	{"number as a string", tenantBody + `,"settings":{"batch_size":"10"}}`, "validation_failed", "body.settings.batch_size"},
	{"number with a fraction", tenantBody + `,"settings":{"batch_size":1.5}}`, "validation_failed", "body.settings.batch_size"},
	{"number with a point", tenantBody + `,"settings":{"batch_size":1.0}}`, "validation_failed", "body.settings.batch_size"},
	{"number with an exponent", tenantBody + `,"settings":{"batch_size":1e2}}`, "validation_failed", "body.settings.batch_size"},
	{"number too large", tenantBody + `,"settings":{"batch_size":9223372036854775808}}`, "validation_failed", "body.settings.batch_size"},
	{"number far too large", tenantBody + `,"settings":{"batch_size":` + strings.Repeat("9", 400) + `}}`, "validation_failed", "body.settings.batch_size"},
	{"number true", tenantBody + `,"settings":{"batch_size":true}}`, "validation_failed", "body.settings.batch_size"},
	{"number an object", tenantBody + `,"settings":{"batch_size":{}}}`, "validation_failed", "body.settings.batch_size"},
	{"nested beyond all bounds", strings.Repeat("[", 100_000), "validation_failed", "body"},
	{"nested beyond all bounds, closed", strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "validation_failed", "body"},
}

func TestBadBodiesAreRefusedByPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range badBodies {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode[registrationJSON]([]byte(tt.body))
			expectRefusal(t, err, tt.code, tt.location)
		})
	}
}

var badIngests = []struct{ name, body, location string }{
	{"no interactions", `{}`, "body.interactions"},
	{"interactions null", `{"interactions":null}`, "body.interactions"},
	{"interactions an object", `{"interactions":{}}`, "body.interactions"},
	{"an interaction null", `{"interactions":[null]}`, "body.interactions[0]"},
	{"an interaction a string", `{"interactions":["hi"]}`, "body.interactions[0]"},
	{"an interaction a list", `{"interactions":[[]]}`, "body.interactions[0]"},
	{"role missing", `{"interactions":[{"content":"hi"}]}`, "body.interactions[0].role"},
	{"content missing", `{"interactions":[` + one + `,{"role":"user"}]}`, "body.interactions[1].content"},
	{"content null", `{"interactions":[{"role":"user","content":null}]}`, "body.interactions[0].content"},
	{"content parts", `{"interactions":[{"role":"user","content":[{"type":"text"}]}]}`, "body.interactions[0].content"},
	{"NUL in content", `{"interactions":[{"role":"user","content":"a\u0000"}]}`, "body.interactions[0].content"},
	{"role unknown", `{"interactions":[{"role":"bot","content":"hi"}]}`, "body.interactions[0].role"},
	{"role in capitals", `{"interactions":[{"role":"User","content":"hi"}]}`, "body.interactions[0].role"},
	{"role a number", `{"interactions":[{"role":1,"content":"hi"}]}`, "body.interactions[0].role"},
	{"time a number", `{"interactions":[{"role":"user","content":"hi","occurred_at":1700000000}]}`, "body.interactions[0].occurred_at"},
	{"time without a zone", `{"interactions":[{"role":"user","content":"hi","occurred_at":"2026-01-01T00:00:00"}]}`, "body.interactions[0].occurred_at"},
	{"a date", `{"interactions":[{"role":"user","content":"hi","occurred_at":"2026-01-01"}]}`, "body.interactions[0].occurred_at"},
	{"no such day", `{"interactions":[{"role":"user","content":"hi","occurred_at":"2026-02-30T00:00:00Z"}]}`, "body.interactions[0].occurred_at"},
	{"time empty", `{"interactions":[{"role":"user","content":"hi","occurred_at":""}]}`, "body.interactions[0].occurred_at"},
	{"time with an hour of one digit", saidAt("2026-01-01T1:00:00Z"), "body.interactions[0].occurred_at"},
	{"time with a comma", saidAt("2026-01-01T01:00:00,5Z"), "body.interactions[0].occurred_at"},
	{"time with a point and nothing", saidAt("2026-01-01T01:00:00.Z"), "body.interactions[0].occurred_at"},
	{"time at an offset of 24 hours", saidAt("2026-01-01T01:00:00+24:00"), "body.interactions[0].occurred_at"},
	{"time at an offset of 60 minutes", saidAt("2026-01-01T01:00:00+23:60"), "body.interactions[0].occurred_at"},
	{"time after a space", saidAt("2026-01-01 01:00:00Z"), "body.interactions[0].occurred_at"},
	{"time after the year 9999 in UTC", saidAt("9999-12-31T23:59:59-23:00"), "body.interactions[0].occurred_at"},
	{"time before the year 0 in UTC", saidAt("0000-01-01T00:00:00+23:00"), "body.interactions[0].occurred_at"},
	{"time in the year 0", saidAt("0000-12-31T23:59:59Z"), "body.interactions[0].occurred_at"},
	{"metadata a list", `{"interactions":[{"role":"user","content":"hi","metadata":[]}]}`, "body.interactions[0].metadata"},
	{"metadata a string", `{"interactions":[{"role":"user","content":"hi","metadata":"x"}]}`, "body.interactions[0].metadata"},
	{"unknown field", `{"interactions":[{"role":"user","content":"hi","text":"x"}]}`, "body.interactions[0].text"},
	{"context a string", `{"interactions":[` + one + `],"context":"x"}`, "body.context"},
	{"context without a query", `{"interactions":[` + one + `],"context":{}}`, "body.context.query"},
}

func TestBadIngestsAreRefusedByPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range badIngests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode[ingestJSON]([]byte(tt.body))
			expectRefusal(t, err, "validation_failed", tt.location)
		})
	}
}

var badKeys = []struct{ name, body, location string }{
	{"scopes missing", `{"name":"k"}`, "body.scopes"},
	{"scopes null", `{"name":"k","scopes":null}`, "body.scopes"},
	{"a preset there is not", `{"name":"k","scopes":"everything"}`, "body.scopes"},
	{"a scope there is not", `{"name":"k","scopes":["memory:read","memory:all"]}`, "body.scopes"},
	{"a preset in a list", `{"name":"k","scopes":["full_access"]}`, "body.scopes"},
	{"a scope that is a number", `{"name":"k","scopes":[1]}`, "body.scopes"},
	{"a scope that is null", `{"name":"k","scopes":[null]}`, "body.scopes"},
	{"environment there is not", `{"name":"k","scopes":"read_only","environment":"prod"}`, "body.environment"},
	{"environment empty", `{"name":"k","scopes":"read_only","environment":""}`, "body.environment"},
	{"expiry a number", `{"name":"k","scopes":"read_only","expires_at":1}`, "body.expires_at"},
	{"expiry after the year 9999 in UTC", `{"name":"k","scopes":"read_only","expires_at":"9999-12-31T23:59:59-00:01"}`, "body.expires_at"},
}

func TestBadKeyRequestsAreRefusedByPlace(t *testing.T) {
	t.Parallel()
	for _, tt := range badKeys {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode[newKeyJSON]([]byte(tt.body))
			expectRefusal(t, err, "validation_failed", tt.location)
		})
	}
}

func TestWhoNamesNoScopeIsToldThoseThereAre(t *testing.T) {
	t.Parallel()
	for _, scopes := range []string{`["memory:raed"]`, `"read-only"`, `"memory:read"`, `7`, `[1]`, `null`} {
		_, err := decode[newKeyJSON]([]byte(`{"name":"k","scopes":` + scopes + `}`))
		expectRefusal(t, err, "validation_failed", "body.scopes")
		for _, name := range append(core.ScopeNames(), "full_access", "read_only", "agent_only") {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v does not name %s", scopes, err, name)
			}
		}
	}
}

func expectRefusal(t *testing.T, err error, code, location string) {
	t.Helper()
	var e *core.Error
	if !errors.As(err, &e) {
		t.Fatalf("error = %v, want one with a code", err)
	}
	if string(e.Code) != code {
		t.Fatalf("code = %s (%s), want %s", e.Code, e.Message, code)
	}
	if location == "" {
		if len(e.Fields) != 0 {
			t.Fatalf("fields = %v, want none", e.Fields)
		}
		return
	}
	for _, f := range e.Fields {
		if f.Location == location {
			return
		}
	}
	t.Fatalf("fields = %v, want one at %s", e.Fields, location)
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := decode[registrationJSON]([]byte(`{"name":7,"foo":1,"settings":{"batch_size":"x","bar":2}}`))
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) != 5 {
		t.Fatalf("error = %v, want five fields", err)
	}
}

func TestHowManyErrorsAreToldIsBounded(t *testing.T) {
	t.Parallel()
	body := `{"interactions":[` + strings.TrimSuffix(strings.Repeat("null,", 5000), ",") + `]}`
	_, err := decode[ingestJSON]([]byte(body))
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) != maxFieldErrors {
		t.Fatalf("error has %d fields, want %d", len(e.Fields), maxFieldErrors)
	}
}

func TestALongUnknownNameIsCutInTheAnswer(t *testing.T) {
	t.Parallel()
	_, err := decode[registrationJSON]([]byte(tenantBody + `,"` + strings.Repeat("ä", 100_000) + `":1}`))
	var e *core.Error
	if !errors.As(err, &e) || len(e.Fields) != 1 || len(e.Fields[0].Location) > 100 {
		t.Fatalf("error = %.200v, want one field with a short location", err)
	}
}

func TestARefusedValueIsShownOnlyWhenItIsShort(t *testing.T) {
	t.Parallel()
	for body, shown := range map[string]bool{`"ten"`: true, `1.5`: true, `"` + strings.Repeat("x", 100) + `"`: false, `{"a":1}`: false} {
		_, err := decode[settingsPatchJSON]([]byte(`{"batch_size":` + body + `}`))
		var e *core.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || (e.Fields[0].Value != nil) != shown {
			t.Errorf("%s: error = %v, want its value shown: %v", body, err, shown)
		}
	}
}

// canary stands for what nobody but its reader may see.
const canary = "canary"

func TestARefusedValueIsNotShownWhereTextOrMetadataBelongs(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	key, conversation := w.talk("")
	for _, r := range []struct{ method, path, body string }{
		{"PATCH", "/api/v1/tenant", `{"settings":{"webhook_url":"https://bob:canary@example.com/"}}`},
		{"PATCH", "/api/v1/tenant", `{"settings":{"webhook_url":"https://example.com/` + strings.Repeat(canary, 500) + `"}}`},
		{"PATCH", "/api/v1/tenant", `{"settings":{"webhook_url":"canary\u0000"}}`},
		{"PATCH", "/api/v1/tenant", `{"settings":{"encryption_mode":"` + strings.Repeat(canary, 500) + `"}}`},
		{"PATCH", "/api/v1/tenant", `{"settings":"canary"}`},
		{"PATCH", "/api/v1/tenant", `{"name":"canary\u0000"}`},
		{"POST", "/api/v1/users", `{"metadata":"canary"}`},
		{"POST", "/api/v1/users", `{"display_name":"canary\u0000"}`},
		{"POST", "/api/v1/users", `{"external_ref":"canary\u0000"}`},
		{"GET", "/api/v1/users?external_ref=canary%0A", ""},
		{"POST", conversation + "/memory", `{"interactions":[{"role":"user","content":"canary\u0000"}]}`},
		{"POST", conversation + "/memory", `{"interactions":[{"role":"user","content":"hi","metadata":"canary"}]}`},
		{"POST", conversation + "/memory", `{"interactions":["canary"]}`},
		{"POST", conversation + "/memory", `{"interactions":"canary"}`},
	} {
		p := w.do(key, r.method, r.path, r.body)
		expectProblem(t, p, 422, "validation_failed")
		if strings.Contains(string(p.body), canary) {
			t.Errorf("%s %.200s is answered %.300s", r.path, r.body, p.body)
		}
	}
}

func TestGoodBodiesAreTaken(t *testing.T) {
	t.Parallel()
	in, err := decode[registrationJSON]([]byte(" \n" + tenantBody + `,"settings":{"batch_size":20,"webhook_url":null}}` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := in.Settings.patch()
	if in.Name != "Acme" || !p.BatchSize.Set || *p.BatchSize.Value != 20 {
		t.Errorf("decoded %+v", in)
	}
	if !p.WebhookURL.Set || p.WebhookURL.Value != nil {
		t.Error("null is not told from a value")
	}
	if p.MaxUsers.Set {
		t.Error("a member that was left out counts as set")
	}
}

func TestEmptyBodyIsAnEmptyObjectWhereAllIsOptional(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "\n", "{}"} {
		if in, err := decode[newUserJSON]([]byte(body)); err != nil || in.ExternalRef != nil {
			t.Errorf("%q: %+v, %v", body, in, err)
		}
		if _, err := decode[noBody]([]byte(body)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
	if _, err := decode[noBody]([]byte(`{"force":true}`)); !core.Is(err, core.CodeValidation) {
		t.Errorf("an unknown member is taken where there are none: %v", err)
	}
}

func TestNullIsNoValueForWhatIsOptional(t *testing.T) {
	t.Parallel()
	in, err := decode[ingestJSON]([]byte(`{"interactions":[{"role":"tool","content":"\ud83d\ude00","name":null,"occurred_at":null,"metadata":null}],"context":{"query":"x","include":null,"max_tokens":null,"since":null}}`))
	if err != nil {
		t.Fatal(err)
	}
	n := in.Interactions[0]
	if n.Content != "😀" || n.Name != nil || n.OccurredAt != nil || n.Metadata != nil || in.Context.Include != nil || in.Context.MaxTokens != nil {
		t.Errorf("decoded %+v", in)
	}
}

func TestEveryTimeOfRFC3339IsTakenAndWrittenInUTC(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"2026-01-01t00:00:00z":           "2026-01-01T00:00:00.000Z",
		"2026-01-01T00:00:00.123456789Z": "2026-01-01T00:00:00.123Z",
		"2026-01-01T00:00:00.5-00:00":    "2026-01-01T00:00:00.500Z",
		"2026-01-01T12:00:00+23:59":      "2025-12-31T12:01:00.000Z",
		"0001-01-01T00:00:00Z":           "0001-01-01T00:00:00.000Z",
		"0000-12-31T23:00:00-01:00":      "0001-01-01T00:00:00.000Z",
		"9999-12-31T23:59:59.999Z":       "9999-12-31T23:59:59.999Z",
		"\\u0032026-01-01T00:00:00Z":     "2026-01-01T00:00:00.000Z",
	} {
		in, err := decode[ingestJSON]([]byte(saidAt(given)))
		if err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		if got, _ := in.Interactions[0].OccurredAt.MarshalText(); string(got) != want {
			t.Errorf("%s is answered as %s, want %s", given, got, want)
		}
	}
}

func TestScopesAreAListOrAPreset(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]core.Scopes{
		`"agent_only"`:                   core.AgentOnly,
		`["memory:read","tenant:admin"]`: core.ScopeMemoryRead | core.ScopeTenantAdmin,
		`[]`:                             0,
		`["users:read","users:read"]`:    core.ScopeUsersRead,
	} {
		in, err := decode[newKeyJSON]([]byte(`{"name":"k","scopes":` + body + `}`))
		if err != nil || core.Scopes(in.Scopes) != want {
			t.Errorf("%s: %v, %v, want %v", body, core.Scopes(in.Scopes), err, want)
		}
	}
}

func TestWhatIsDecodedDoesNotAliasTheBody(t *testing.T) {
	t.Parallel()
	body := []byte(`{"external_ref":"ada","metadata":{"a":"b"}}`)
	in, err := decode[newUserJSON](body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 'x'
	}
	if *in.ExternalRef != "ada" || string(*in.Metadata) != `{"a":"b"}` {
		t.Errorf("decoded values changed with the buffer: %q, %q", *in.ExternalRef, *in.Metadata)
	}
}

// FuzzDecode: whatever a body holds, it is taken or refused with a code that a
// body can have, and never breaks anything.
func FuzzDecode(f *testing.F) {
	for _, tt := range badBodies {
		if len(tt.body) < 1000 { // the engine spends its time on making long ones shorter
			f.Add([]byte(tt.body))
		}
	}
	for _, tt := range badIngests {
		f.Add([]byte(tt.body))
	}
	for _, tt := range badKeys {
		f.Add([]byte(tt.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, err := range []error{
			second(decode[registrationJSON](body)), second(decode[ingestJSON](body)), second(decode[newKeyJSON](body)),
			second(decode[userPatchJSON](body)), second(decode[conversationPatchJSON](body)), second(decode[noBody](body)),
		} {
			var e *core.Error
			switch {
			case err == nil:
			case !errors.As(err, &e):
				t.Fatalf("error without a code: %v", err)
			case e.Code != core.CodeBadRequest && e.Code != core.CodeValidation:
				t.Fatalf("code = %s", e.Code)
			case e.Cause != nil:
				t.Fatalf("a checked body did not decode: %v", e.Cause)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
