package fiberhttp

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const mimeHTML = "text/html; charset=utf-8"

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle string

// page is a rendered page and the policy that lets its style in.
type page struct {
	html   []byte
	policy string
}

type docsPage struct {
	Title, Version, Style string
	About                 []string
	Groups                []docsGroup
	Codes                 []docsAnswer
}

type docsGroup struct {
	Name       string
	Operations []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, About, Scopes, Curl string
	Parameters, Body                               []docsField
	Answers                                        []docsAnswer
}

type docsField struct {
	Name, Type, Bounds, About string
	Required                  bool
}

type docsAnswer struct{ Status, About string }

// renderDocs makes the page for people from the document for programs.
func renderDocs(table []route, doc *huma.OpenAPI) (page, error) {
	view := docsPage{
		Title: doc.Info.Title, Version: doc.Info.Version, Style: docsStyle,
		About: strings.Split(doc.Info.Description, "\n\n"), Codes: docsCodes(),
	}
	for _, rt := range table {
		if len(view.Groups) == 0 || view.Groups[len(view.Groups)-1].Name != rt.group {
			view.Groups = append(view.Groups, docsGroup{Name: rt.group})
		}
		group := &view.Groups[len(view.Groups)-1]
		group.Operations = append(group.Operations, docsOf(doc, operationOf(doc, rt)))
	}
	t, err := template.New("docs").Funcs(template.FuncMap{"css": func(s string) template.CSS { return template.CSS(s) }}).Parse(docsTemplate) //nolint:gosec // our own file
	if err != nil {
		return page{}, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, view); err != nil {
		return page{}, err
	}
	hash := sha256.Sum256([]byte(docsStyle))
	return page{html: out.Bytes(), policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, nil
}

func operationOf(doc *huma.OpenAPI, rt route) *huma.Operation {
	item := doc.Paths[rt.path]
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[rt.method]
}

func docsOf(doc *huma.OpenAPI, op *huma.Operation) docsOperation {
	out := docsOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, About: op.Description}
	for _, need := range op.Security {
		out.Scopes = strings.Join(need[securityName], " ")
	}
	for _, p := range op.Parameters {
		out.Parameters = append(out.Parameters, docsField{
			Name: p.Name, Type: p.In, Required: p.Required, Bounds: bounds(p.Schema), About: p.Description,
		})
	}
	var body *huma.Schema
	if op.RequestBody != nil {
		body = op.RequestBody.Content[mimeJSON].Schema
		out.Body = docsFields(doc.Components.Schemas, body, "")
	}
	for status, r := range op.Responses {
		out.Answers = append(out.Answers, docsAnswer{Status: status, About: r.Description})
	}
	slices.SortFunc(out.Answers, func(a, b docsAnswer) int { return strings.Compare(a.Status, b.Status) })
	out.Curl = curl(doc.Components.Schemas, op, body)
	return out
}

// docsFields lists an object's fields, and those within them below them.
func docsFields(registry huma.Registry, s *huma.Schema, within string) []docsField {
	s = resolve(registry, s)
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { // what is required comes first
		if ra, rb := slices.Contains(s.Required, a), slices.Contains(s.Required, b); ra != rb {
			if ra {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	var out []docsField
	for _, name := range names {
		field := s.Properties[name]
		inner := resolve(registry, field)
		out = append(out, docsField{
			Name: within + name, Type: typeName(inner), Required: slices.Contains(s.Required, name),
			Bounds: bounds(inner), About: field.Description,
		})
		switch {
		case inner.Type == huma.TypeArray:
			out = append(out, docsFields(registry, inner.Items, within+name+"[].")...)
		case len(inner.Properties) > 0:
			out = append(out, docsFields(registry, inner, within+name+".")...)
		}
	}
	return out
}

func resolve(registry huma.Registry, s *huma.Schema) *huma.Schema {
	if s.Ref != "" {
		return registry.SchemaFromRef(s.Ref)
	}
	return s
}

func typeName(s *huma.Schema) string {
	name := s.Type
	if len(s.OneOf) > 0 {
		name = "list or preset"
	}
	if s.Format == "date-time" {
		name = "time"
	}
	if s.Nullable {
		name += " or null"
	}
	return name
}

// bounds puts a schema's limits into a few words.
func bounds(s *huma.Schema) string {
	var out []string
	span := func(low, high, unit string) {
		switch {
		case low != "" && high != "":
			out = append(out, low+" to "+high+unit)
		case high != "":
			out = append(out, "at most "+high+unit)
		case low != "":
			out = append(out, "at least "+low+unit)
		}
	}
	if len(s.Enum) > 0 {
		words := make([]string, 0, len(s.Enum))
		for _, e := range s.Enum {
			words = append(words, fmt.Sprint(e))
		}
		out = append(out, strings.Join(words, " | "))
	}
	span(number(s.Minimum), number(s.Maximum), "")
	span(count(s.MinLength), count(s.MaxLength), " characters")
	span(count(s.MinItems), count(s.MaxItems), " items")
	if s.Default != nil {
		out = append(out, fmt.Sprintf("default %v", s.Default))
	}
	return strings.Join(out, ", ")
}

func number(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

func count(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

// curl is a call that runs, once its variables are set.
func curl(registry huma.Registry, op *huma.Operation, body *huma.Schema) string {
	path := strings.NewReplacer("{user_id}", "ext:ada", "{conversation_id}", "ext:chat-1", "{external_ref}", "ada", "{", "$", "}", "").Replace(op.Path)
	out := "curl"
	if op.Method != http.MethodGet {
		out += " -X " + op.Method
	}
	for _, p := range op.Parameters {
		if p.In == "query" && p.Required {
			path += "?" + p.Name + "=$TENANT_ID"
		}
	}
	out += ` "$RAVEN_URL` + path + `"`
	if len(op.Security) > 0 {
		out += " \\\n  -H \"Authorization: Bearer $RAVEN_API_KEY\""
	}
	if body != nil {
		text, err := json.Marshal(example(registry, body))
		if err == nil {
			out += " \\\n  -H 'Content-Type: application/json' \\\n  -d '" + string(text) + "'"
		}
	}
	return out
}

// example is a value of the schema: its own example, or what is required of it.
func example(registry huma.Registry, s *huma.Schema) any {
	s = resolve(registry, s)
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type == huma.TypeArray:
		return []any{example(registry, s.Items)}
	case s.Type == huma.TypeObject:
		out := map[string]any{}
		for name, field := range s.Properties {
			if slices.Contains(s.Required, name) || len(resolve(registry, field).Examples) > 0 {
				out[name] = example(registry, field)
			}
		}
		return out
	case s.Type == huma.TypeInteger:
		return 1
	default:
		return "…"
	}
}

// docsCodes lists every code with its status.
func docsCodes() []docsAnswer {
	var out []docsAnswer
	for code, status := range statuses {
		out = append(out, docsAnswer{Status: strconv.Itoa(status), About: string(code)})
	}
	slices.SortFunc(out, func(a, b docsAnswer) int { return strings.Compare(a.Status+a.About, b.Status+b.About) })
	return out
}

func (s *Server) getDocs(r *request) (answer, error) {
	r.x.http.Response.Header.Set("Content-Security-Policy", s.docs.policy)
	return answer{status: http.StatusOK, raw: s.docs.html, mime: mimeHTML}, nil
}
