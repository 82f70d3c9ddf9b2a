package fiberhttp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/raven-memory/raven/core"
)

// document is the one of all routes.
var document = sync.OnceValue(func() *huma.OpenAPI {
	doc := newDocument(routes(), "test")
	for _, s := range doc.Components.Schemas.Map() {
		s.PrecomputeMessages()
	}
	return doc
})

func TestRouterAndDocumentNameTheSameOperations(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	routed := map[string]bool{}
	for _, stack := range w.server.app.Stack() {
		for _, r := range stack {
			if r.Method != http.MethodHead {
				routed[r.Method+" "+r.Path] = true
			}
		}
	}
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(w.send("GET", "/openapi.json", "").body, &doc); err != nil {
		t.Fatal(err)
	}
	for path, operations := range doc.Paths {
		for method := range operations {
			name := strings.ToUpper(method) + " " + fiberPath(path)
			if !routed[name] {
				t.Errorf("%s is in the document only", name)
			}
			delete(routed, name)
		}
	}
	for name := range routed {
		t.Errorf("%s is in the router only", name)
	}
}

func TestDocumentIsWholeAndConsistent(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{Version: "1.2.3"})
	r := w.send("GET", "/openapi.json", "")
	if r.status != 200 || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("openapi.json = %d %s", r.status, r.header.Get("Content-Type"))
	}
	doc := r.json(t)
	if !strings.HasPrefix(text(doc, "openapi"), "3.1.") || text(doc, "info", "version") != "1.2.3" {
		t.Errorf("openapi %v, info %v", doc["openapi"], doc["info"])
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllStringSubmatch(string(r.body), -1) {
		name, ok := strings.CutPrefix(ref[1], "#/components/schemas/")
		if !ok || at(doc, "components", "schemas", name) == nil {
			t.Errorf("%s leads nowhere", ref[1])
		}
	}
	for name := range at(doc, "components", "schemas").(map[string]any) {
		if strings.Contains(name, "JSON") || strings.ToUpper(name[:1]) != name[:1] {
			t.Errorf("a schema is called %s", name)
		}
	}
	names := map[string]bool{}
	for _, rt := range routes() {
		op := operationOf(document(), rt)
		if op == nil || op.Summary == "" || op.OperationID == "" || names[op.OperationID] || len(op.Responses) == 0 {
			t.Errorf("%s %s: %+v", rt.method, rt.path, op)
			continue
		}
		names[op.OperationID] = true
		for _, p := range op.Parameters {
			if p.Description == "" {
				t.Errorf("%s: parameter %s is not described", op.OperationID, p.Name)
			}
		}
		if rt.access == accessKey && !slices.Equal(op.Security[0][securityName], rt.scopes.Names()) {
			t.Errorf("%s: security %v", op.OperationID, op.Security)
		}
	}
}

func TestDocumentedBoundsAreTheRealOnes(t *testing.T) {
	t.Parallel()
	schema := func(name string) *huma.Schema { return document().Components.Schemas.Map()[name] }
	number := func(got *float64, want int) {
		t.Helper()
		if got == nil || int(*got) != want {
			t.Errorf("bound %v, want %d", got, want)
		}
	}
	length := func(got *int, want int) {
		t.Helper()
		if got == nil || *got != want {
			t.Errorf("bound %v, want %d", got, want)
		}
	}
	settings := schema("SettingsPatch").Properties
	number(settings["retention_days"].Maximum, core.MaxRetentionDays)
	number(settings["batch_size"].Minimum, core.MinBatchSize)
	number(settings["batch_size"].Maximum, core.MaxBatchSize)
	number(settings["max_users"].Maximum, core.MaxQuota)
	number(settings["rate_limit_per_minute"].Maximum, core.MaxRatePerMinute)
	length(settings["webhook_url"].MaxLength, core.MaxURLBytes)
	length(schema("Registration").Properties["name"].MaxLength, core.MaxName)
	length(schema("Registration").Properties["email"].MaxLength, core.MaxEmail)
	length(schema("NewUser").Properties["external_ref"].MaxLength, core.MaxExternalRef)
	length(schema("Ingest").Properties["interactions"].MaxItems, core.MaxInteractions)
	number(schema("Rotation").Properties["grace_seconds"].Maximum, core.MaxGraceSeconds)
	number(schema("ContextQuery").Properties["max_tokens"].Minimum, core.MinMaxTokens)
	number(schema("ContextQuery").Properties["max_tokens"].Maximum, core.MaxMaxTokens)
	number(schema("Search").Properties["limit"].Maximum, core.MaxSearchLimit)
}

func TestWhatMayBeNullIsDocumentedSo(t *testing.T) {
	t.Parallel()
	schemas := document().Components.Schemas.Map()
	for _, rt := range routes() {
		for _, a := range rt.answers {
			if a.body != nil {
				expectNullable(t, schemas, a.body)
			}
		}
	}
	for schema, members := range map[string][]string{"TenantPatch": {"name"}, "ConversationPatch": {"status"}} {
		for _, name := range members {
			if schemas[schema].Properties[name].Nullable {
				t.Errorf("%s.%s may be null, and is refused", schema, name)
			}
		}
	}
	if got := schemas["ConversationPatch"].Properties["status"].Enum; len(got) != 1 || got[0] != "closed" {
		t.Errorf("the statuses to set are %v", got)
	}
}

// expectNullable checks that each member that is always there and may have no value
// is documented so, in a type and those within it.
func expectNullable(t *testing.T, schemas map[string]*huma.Schema, body reflect.Type) {
	t.Helper()
	for body.Kind() == reflect.Pointer || body.Kind() == reflect.Slice {
		body = body.Elem()
	}
	schema := schemas[schemaName(body, "")]
	if body.Kind() != reflect.Struct || schema == nil {
		return
	}
	for _, field := range reflect.VisibleFields(body) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		if field.Type.Kind() == reflect.Pointer && options == "" && !schema.Properties[name].Nullable {
			t.Errorf("%s.%s may be null, and is documented as %s", schemaName(body, ""), name, schema.Properties[name].Type)
		}
		expectNullable(t, schemas, field.Type)
	}
}

func TestASuspendedTenantIsRefusedAsDocumented(t *testing.T) {
	t.Parallel()
	w := newFullWorld(t, Config{}, generous)
	id, key := w.register("acme", "")
	if _, err := w.server.Tenancy.Operator().Suspend(t.Context(), core.TenantID(id)); err != nil {
		t.Fatal(err)
	}
	w.refuses(key, 403, "tenant_suspended", "GET", "/api/v1/users", "")
	w.refuses(key, 403, "tenant_suspended", "PATCH", "/api/v1/tenant", "{}")
}

func TestDocsWorkAloneAndRunNothing(t *testing.T) {
	t.Parallel()
	w := bareWorld(t, Config{})
	r := w.send("GET", "/docs", "")
	html := string(r.body)
	if r.status != 200 || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("docs = %d %s", r.status, r.header.Get("Content-Type"))
	}
	expectCommonHeaders(t, r)
	for _, bad := range []string{"<script", "http://", "https://", "<link", "<img", "<iframe", "onclick", " style=", "url(", "ZgotmplZ"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	for _, want := range []string{`name="viewport"`, "prefers-color-scheme", `lang="en"`, "interactions[].content", "1 to 256 items", "default 50"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	style := html[strings.Index(html, "<style>")+len("<style>") : strings.Index(html, "</style>")]
	hash := sha256.Sum256([]byte(style))
	if policy := r.header.Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"'") {
		t.Errorf("the policy %q does not let the style in", policy)
	}
	for _, rt := range routes() {
		if !strings.Contains(html, `id="`+rt.name+`"`) {
			t.Errorf("the page has no %s", rt.name)
		}
	}
}

// conforms checks an answer against what the document says of its operation:
// that the status is there, and that the body has the form it states.
func conforms(t *testing.T, method, path string, r reply) {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	op := operationFor(method, path)
	if op == nil || r.status == 405 || method == http.MethodHead {
		return
	}
	response := op.Responses[fmt.Sprint(r.status)]
	if response == nil {
		t.Errorf("%s answered %d, which the document does not have: %s", op.OperationID, r.status, r.body)
		return
	}
	media, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	content := response.Content[media]
	if len(r.body) > 0 && content == nil {
		t.Errorf("%s answered %d as %s; the document has %v", op.OperationID, r.status, media, response.Content)
		return
	}
	if !strings.HasSuffix(media, "json") || content.Schema == nil {
		return
	}
	bodies := [][]byte{r.body}
	if media == mimeNDJSON {
		bodies = nil
		for line := range strings.Lines(string(r.body)) {
			bodies = append(bodies, []byte(line))
		}
	}
	for _, body := range bodies {
		validate(t, op.OperationID, content.Schema, body)
	}
	if media == mimeProblem && !strings.Contains(response.Description, text(r.json(t), "code")) {
		t.Errorf("%s refused with %s; the document has %s", op.OperationID, text(r.json(t), "code"), response.Description)
	}
}

var validating sync.Mutex // huma's schemas are not for concurrent use

func validate(t *testing.T, name string, schema *huma.Schema, body []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	validating.Lock()
	defer validating.Unlock()
	result := &huma.ValidateResult{}
	huma.Validate(document().Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, result)
	for _, err := range result.Errors {
		t.Errorf("%s: the answer is not what the document says: %v", name, err)
	}
}

// operationFor finds the operation that a path leads to.
func operationFor(method, path string) *huma.Operation {
	for _, rt := range routes() {
		pattern := regexp.MustCompile(`\\\{[a-z_]+\\\}`).ReplaceAllString(regexp.QuoteMeta(rt.path), `[^/]+`)
		if rt.method == method && regexp.MustCompile("^"+pattern+"$").MatchString(path) {
			return operationOf(document(), rt)
		}
	}
	return nil
}
