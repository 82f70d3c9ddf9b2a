package fiberhttp

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/raven-memory/raven/core"
)

const aboutAPI = "Memory for AI agents: register a tenant, create users as they come, start conversations, store every interaction, " +
	"and ask for context before the next answer.\n\n" +
	"JSON in UTF-8, names in snake_case, times in RFC 3339 UTC with milliseconds, null for \"no value\". Ids are opaque and sort by time. " +
	"Where a path takes a user's or a conversation's id, ext:{external_ref} (percent-encoded) names the same one by your own id. " +
	"Lists come in pages: limit and cursor in, data and next_cursor out. POSTs honour Idempotency-Key for 24 hours. " +
	"Every answer carries X-Request-Id; refusals are application/problem+json with a stable code."

const securityName = "apiKey"

// newDocument describes the routes as OpenAPI 3.1.
func newDocument(table []route, version string) *huma.OpenAPI {
	registry := huma.NewMapRegistry(schemaPrefix, schemaName)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Raven", Version: version, Description: aboutAPI},
		Servers: []*huma.Server{{URL: "/", Description: "This deployment."}},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{securityName: {
				Type: "http", Scheme: "bearer", Description: "An API key, rk_live_… or rk_test_…, that holds the scopes listed with the operation.",
			}},
		},
	}
	for _, rt := range table {
		doc.AddOperation(rt.operation(registry))
		if tag := rt.group; !slices.ContainsFunc(doc.Tags, func(t *huma.Tag) bool { return t.Name == tag }) {
			doc.Tags = append(doc.Tags, &huma.Tag{Name: tag})
		}
	}
	notNull(registry.Map())
	return doc
}

func (rt *route) operation(registry huma.Registry) *huma.Operation {
	op := &huma.Operation{
		Method: rt.method, Path: rt.path, OperationID: rt.name, Tags: []string{rt.group},
		Summary: rt.summary, Description: rt.about, Responses: map[string]*huma.Response{},
		Parameters: rt.parameters(), Security: []map[string][]string{},
	}
	if rt.access == accessKey {
		op.Security = []map[string][]string{{securityName: rt.scopes.Names()}}
	}
	if rt.body != nil && rt.body != typeFor[noBody]() {
		op.RequestBody = &huma.RequestBody{
			Required: !shapeOf(rt.body).allOptional(),
			Content:  map[string]*huma.MediaType{mimeJSON: {Schema: schemaOf(registry, rt.body)}},
		}
	}
	for _, a := range rt.answers {
		op.Responses[strconv.Itoa(a.status)] = a.response(registry, rt.versioned)
	}
	if rt.versioned && rt.method == http.MethodGet {
		op.Responses[strconv.Itoa(http.StatusNotModified)] = &huma.Response{Description: "It is still the version of If-None-Match.", Headers: tagHeader()}
	}
	problems := schemaOf(registry, typeFor[problem]())
	for status, codes := range rt.refusals() {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: strings.Join(codes, ", "),
			Content:     map[string]*huma.MediaType{mimeProblem: {Schema: problems}},
		}
	}
	return op
}

func (r result) response(registry huma.Registry, versioned bool) *huma.Response {
	out := &huma.Response{Description: r.about}
	mime := r.mime
	if mime == "" {
		mime = mimeJSON
	}
	switch {
	case r.body != nil:
		out.Content = map[string]*huma.MediaType{mime: {Schema: schemaOf(registry, r.body)}}
	case r.mime != "":
		out.Content = map[string]*huma.MediaType{mime: {}}
	}
	if versioned && r.body != nil {
		out.Headers = tagHeader()
	}
	return out
}

func tagHeader() map[string]*huma.Header {
	return map[string]*huma.Header{"ETag": {Description: "The version.", Schema: &huma.Schema{Type: huma.TypeString}}}
}

func (rt *route) parameters() []*huma.Param {
	var out []*huma.Param
	for _, name := range pathNames(rt.path) {
		out = append(out, &huma.Param{
			Name: name, In: "path", Required: true, Description: pathDocs[name], Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
	for _, p := range rt.query {
		out = append(out, &huma.Param{Name: p.name, In: "query", Required: p.required, Description: p.doc, Schema: p.schema()})
	}
	header := func(name, doc string, most int) {
		s := &huma.Schema{Type: huma.TypeString}
		if most > 0 {
			s.MaxLength = &most
		}
		out = append(out, &huma.Param{Name: name, In: "header", Description: doc, Schema: s})
	}
	if rt.method == http.MethodPost {
		header(headerIdempotencyKey, "1 to 255 visible ASCII characters. The same key and body get the first answer again, for 24 hours.", core.MaxIdempotencyKey)
	}
	if rt.versioned && rt.method == http.MethodGet {
		header("If-None-Match", "An ETag: 304 while it is still the version.", 0)
	} else if rt.versioned {
		header("If-Match", "An ETag: the change is made to that version only.", 0)
	}
	return out
}

// pathDocs says what stands in each place of a path.
var pathDocs = map[string]string{
	pathUser:         "The user's id, or ext:{external_ref}.",
	pathConversation: "The conversation's id, or ext:{external_ref}.",
	pathKey:          "The API key's id.",
	pathBlob:         "The blob's id.",
	pathInteraction:  "The interaction's id.",
	pathDelivery:     "The delivery's id.",
	pathFact:         "The fact's id.",
	"external_ref":   "Your own id of the user, percent-encoded; 1 to 256 characters, none a control character.",
}

func pathNames(path string) []string {
	var names []string
	for part := range strings.SplitSeq(path, "{") {
		if name, _, ok := strings.Cut(part, "}"); ok {
			names = append(names, name)
		}
	}
	return names
}

func (p param) schema() *huma.Schema {
	switch p.kind {
	case paramNumber:
		low, high := float64(p.low), float64(p.high)
		return &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high, Default: p.preset}
	case paramChoice:
		s := &huma.Schema{Type: huma.TypeString, Default: p.choices[0]}
		for _, c := range p.choices {
			s.Enum = append(s.Enum, c)
		}
		return s
	default:
		return &huma.Schema{Type: huma.TypeString}
	}
}

// refusals lists the codes that the route may refuse with, by status.
func (rt *route) refusals() map[int][]string {
	codes := slices.Clone(rt.codes)
	add := func(when bool, more ...core.Code) {
		if when {
			codes = append(codes, more...)
		}
	}
	add(rt.access != accessPublic, core.CodeRateLimited, core.CodeUnavailable, core.CodeKeyManagement, core.CodeValidation)
	add(rt.access == accessKey, core.CodeUnauthenticated, core.CodeInsufficientScope, core.CodeTenantSuspended)
	add(rt.body != nil, core.CodeBadRequest, core.CodePayloadTooLarge, core.CodeUnsupportedMediaType)
	add(slices.ContainsFunc(rt.query, func(p param) bool { return p.kind == paramCursor }), core.CodeInvalidCursor)
	add(rt.method == http.MethodPost, core.CodeIdempotencyRunning, core.CodeIdempotencyReused)
	add(rt.versioned && rt.method != http.MethodGet, core.CodePreconditionFailed)
	add(rt.underUsers(), core.CodeKeyUnavailable)
	byStatus := map[int][]string{}
	for _, code := range codes {
		byStatus[statuses[code]] = append(byStatus[statuses[code]], string(code))
	}
	for _, names := range byStatus {
		slices.Sort(names)
	}
	return byStatus
}

func (s *Server) getOpenAPI(*request) (answer, error) {
	return answer{status: http.StatusOK, raw: s.openAPI, mime: mimeJSON}, nil
}
