package fiberhttp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/recall"
)

const mimeText = "text/plain; charset=utf-8"

func auditRoutes() []route {
	const path = api + "/tenant/audit"
	return []route{
		{method: http.MethodGet, path: path, name: "listAuditEvents", group: "Audit", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "List what happened", endpoint: asks((*Server).listAudit),
			about: "Every change of state and every use of a key that was refused; ids and counts, never content. What the caller did before is there. " +
				"`raven audit verify` finds what was changed in the log.",
			query: append([]param{
				{name: "since", kind: paramText, check: checkInstant, doc: "Only what happened then or later; an RFC 3339 time."},
				{name: "until", kind: paramText, check: checkInstant, doc: "Only what happened before."},
				{name: "action", kind: paramText, check: checkAction, doc: "Only events of this type, such as key.created."},
				{name: "actor", kind: paramText, check: checkActor, doc: `Only what this API key caused, by its id, or "system".`},
			}, paged...),
			answers: []result{gives[list[auditEventJSON]](http.StatusOK, "Newest first.")}},
		{method: http.MethodGet, path: path + "/checkpoint", name: "getAuditCheckpoint", group: "Audit", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Get the latest signed checkpoint of the audit log", endpoint: asks((*Server).getCheckpoint),
			about: "A signed note that states the log's size and root. Kept elsewhere, it makes a log that was cut or written anew be seen: " +
				"raven audit verify --checkpoint takes it as it is. There is one a minute, or a thousand events, after the first event.",
			answers: []result{{status: http.StatusOK, mime: "text/plain", about: "The note."}},
			codes:   []core.Code{core.CodeNotFound}},
	}
}

type auditEventJSON struct {
	ID        string    `json:"id"`
	Type      string    `json:"type" doc:"What happened."`
	Timestamp instant   `json:"timestamp"`
	TenantID  string    `json:"tenant_id"`
	Seq       int64     `json:"seq" doc:"1, 2, 3, … without gaps."`
	Actor     actorJSON `json:"actor" doc:"The API key that caused it, or \"system\"."`
	Data      object    `json:"data" doc:"Ids and counts."`
}

// actorJSON is {"key_id": …} or "system".
type actorJSON core.Actor

type keyActorJSON struct {
	KeyID string `json:"key_id"`
}

// MarshalJSONTo writes the one or the other.
func (a actorJSON) MarshalJSONTo(out *jsontext.Encoder) error {
	if a.Key == "" {
		return out.WriteToken(jsontext.String(audit.SystemActor))
	}
	return json.MarshalEncode(out, keyActorJSON{string(a.Key)})
}

// Schema says so.
func (actorJSON) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{
		r.Schema(typeFor[keyActorJSON](), false, ""),
		{Type: huma.TypeString, Enum: []any{audit.SystemActor}},
	}}
}

func auditEventToJSON(e core.Event) (auditEventJSON, error) {
	data, err := json.Marshal(map[string]any(e.Data), json.Deterministic(true))
	if e.Data == nil {
		data = []byte("{}")
	}
	return auditEventJSON{
		ID: string(e.ID), Type: string(e.Type), Timestamp: instant(e.At), TenantID: string(e.Tenant), Seq: e.Seq,
		Actor: actorJSON(e.Actor), Data: object(data),
	}, err
}

func (s *Server) listAudit(r *request) (answer, error) {
	q, err := auditQuery(r)
	if err != nil {
		return answer{}, err
	}
	cursor, _ := r.query.text("cursor")
	page, err := s.Audit.List(r.ctx, r.caller, q, cursor, r.query.limit())
	if err != nil {
		return answer{}, err
	}
	out := list[auditEventJSON]{Data: make([]auditEventJSON, 0, len(page.Items)), NextCursor: orNil(page.Next)}
	for _, e := range page.Items {
		shown, err := auditEventToJSON(e)
		if err != nil {
			return answer{}, err
		}
		out.Data = append(out.Data, shown)
	}
	return ok(out)
}

func auditQuery(r *request) (q audit.Query, err error) {
	at := func(name string) time.Time {
		text, _ := r.query.text(name)
		t, _ := core.ParseTime(text) // checked
		return t
	}
	q.Since, q.Until = at("since"), at("until")
	action, _ := r.query.text("action")
	q.Type = core.EventType(action)
	q.Actor, _ = r.query.text("actor")
	if !q.Since.IsZero() && !q.Until.IsZero() && q.Until.Before(q.Since) {
		return q, core.Invalid("until", "must not be before since", nil)
	}
	return q, nil
}

func checkInstant(text string) string {
	if _, err := core.ParseTime(text); err != nil {
		return err.Error()
	}
	return ""
}

func checkAction(text string) string {
	if !slices.Contains(audit.Types(), core.EventType(text)) {
		return "must be the type of an event, such as key.created"
	}
	return ""
}

func checkActor(text string) string {
	if text != audit.SystemActor && !core.KeyID(text).Valid() {
		return `must be the id of an API key, or "system"`
	}
	return ""
}

func (s *Server) getCheckpoint(r *request) (answer, error) {
	c, err := s.Audit.Checkpoint(r.ctx, r.caller)
	return answer{status: http.StatusOK, raw: c.Note, mime: mimeText}, err
}

// noteRefusal has the use of a key that was refused audited.
func (s *Server) noteRefusal(r *request, err error) {
	var e *core.Error
	if s.Audit == nil || !errors.As(err, &e) {
		return
	}
	what := audit.Refusal{Tenant: r.caller.Tenant, Key: r.caller.Key, Reason: "missing"}
	var refused keys.RefusedError
	switch {
	case e.Code == core.CodeInsufficientScope:
		what.Reason, what.Scope = string(e.Code), e.Scope.String()
	case e.Code != core.CodeUnauthenticated:
		return
	case r.x.route == registration:
		what.Reason = "registration_token"
	case errors.As(err, &refused):
		what = audit.Refusal{Tenant: refused.Tenant, Key: refused.Key, Reason: refused.Reason}
	}
	s.Audit.Refused(what)
}

// noteRead has a read of memory audited, where reads are, before its answer.
func (s *Server) noteRead(ctx context.Context, caller core.Caller, what audit.Read) error {
	if s.Audit == nil {
		return nil
	}
	return s.Audit.Read(ctx, caller, what)
}

// receipt is what of a recall's items is noted.
func receipt(items []recall.Item) func() []audit.ReadItem {
	return readItems(items, func(i *recall.Item) audit.ReadItem { return audit.ReadItem{ID: i.ID, Score: &i.Score} })
}

// readIDs is what is noted of a read that ranks nothing.
func readIDs[T any](list []T, id func(T) string) func() []audit.ReadItem {
	return readItems(list, func(v *T) audit.ReadItem { return audit.ReadItem{ID: id(*v)} })
}

func readItems[T any](list []T, item func(*T) audit.ReadItem) func() []audit.ReadItem {
	return func() []audit.ReadItem {
		out := make([]audit.ReadItem, 0, len(list))
		for i := range list {
			out = append(out, item(&list[i]))
		}
		return out
	}
}
