package fiberhttp

import (
	"net/http"
	"time"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/facts"
)

type newFactJSON struct {
	Text      string             `json:"text" minLength:"1" example:"I live in Lisbon." doc:"One sentence, at most 2000 bytes. In the first person it is understood best."`
	ValidFrom *instant           `json:"valid_from,omitzero" nullable:"true" doc:"Since when it holds. Default now."`
	Source    *newFactSourceJSON `json:"source,omitzero" doc:"The interaction that says so."`

	Sources      []newFactSourceJSON `json:"sources,omitzero" maxItems:"20" doc:"In place of source: several interactions."`
	Subject      *string             `json:"subject,omitzero" minLength:"1" doc:"Whom it is about; default \"user\"."`
	Attribute    *string             `json:"attribute,omitzero" nullable:"true" minLength:"1" doc:"What it says of the subject, with value; left out, that is read from the text."`
	Value        *string             `json:"value,omitzero" nullable:"true" minLength:"1"`
	ValidTo      *instant            `json:"valid_to,omitzero" nullable:"true" doc:"Until when it holds or held. A fact that holds no more supersedes none."`
	SupersededBy *string             `json:"superseded_by,omitzero" nullable:"true" doc:"The fact that took its place, by id."`
}

type newFactSourceJSON struct {
	ConversationID *string `json:"conversation_id,omitzero" doc:"The conversation that it is in, by id."`
	InteractionID  string  `json:"interaction_id" doc:"The interaction, by id."`
}

type factSourceJSON struct {
	ConversationID *string `json:"conversation_id" doc:"null where it was not stated."`
	InteractionID  string  `json:"interaction_id"`
}

type factPatchJSON struct {
	Text    *string           `json:"text,omitzero" minLength:"1" doc:"A correction."`
	ValidTo optional[instant] `json:"valid_to,omitzero" doc:"Until when it holds; null: it still does."`
}

type factJSON struct {
	ID           string           `json:"id"`
	Text         string           `json:"text"`
	Subject      string           `json:"subject" doc:"\"user\", or a name."`
	Attribute    *string          `json:"attribute" doc:"What is said of the subject, such as \"lives in\"; null for a sentence that was not taken apart."`
	Value        *string          `json:"value"`
	ValidFrom    instant          `json:"valid_from"`
	ValidTo      *instant         `json:"valid_to" nullable:"true" doc:"null: no end is known."`
	SupersededBy *string          `json:"superseded_by" doc:"The fact that takes its place as it ends."`
	Sources      []factSourceJSON `json:"sources" doc:"The latest interactions that say so."`
	CreatedAt    instant          `json:"created_at"`
}

func factToJSON(f core.Fact) factJSON {
	out := factJSON{
		ID: string(f.ID), Text: f.Text, Subject: f.Subject, Attribute: orNil(f.Attribute), Value: orNil(f.Value),
		ValidFrom: instant(f.ValidFrom), ValidTo: timeOrNil(f.ValidTo), SupersededBy: orNil(f.SupersededBy),
		Sources: []factSourceJSON{}, CreatedAt: instant(f.CreatedAt),
	}
	for _, s := range f.Sources {
		out.Sources = append(out.Sources, factSourceJSON{ConversationID: orNil(s.Conversation), InteractionID: string(s.Interaction)})
	}
	return out
}

var factsParams = append([]param{
	{name: "include", kind: paramChoice, choices: []string{"current", "superseded"}, doc: "Facts that hold now, or those that hold no more or not yet as well."},
	{name: "as_of", kind: paramText, check: checkInstant, doc: "Facts that held at that time, RFC 3339."},
}, paged...)

func factRoutes() []route {
	const all = user + "/facts"
	return []route{
		{method: http.MethodGet, path: all, name: "listFacts", group: "Facts", access: accessKey, scopes: core.ScopeMemoryRead,
			summary: "List what is held true of a user", endpoint: asks((*Server).listFacts), query: factsParams,
			answers: []result{gives[list[factJSON]](http.StatusOK, "By arrival.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodPost, path: all, name: "createFact", group: "Facts", access: accessKey, scopes: core.ScopeMemoryWrite,
			summary: "State a fact", endpoint: takes((*Server).createFact), again: anew((*Server).factAgain),
			about:   "A fact on the same subject and attribute as another supersedes it; one that says what is known already gives that back. A replay gives it as it is now; 404 once it is forgotten.",
			answers: []result{gives[factJSON](http.StatusCreated, "The fact.")}, codes: []core.Code{core.CodeNotFound, core.CodeQuotaExhausted}},
		{method: http.MethodPatch, path: all + "/{fact_id}", name: "updateFact", group: "Facts", access: accessKey, scopes: core.ScopeMemoryWrite,
			summary: "Correct a fact, or end it", endpoint: takes((*Server).updateFact),
			about:   "What would hold while another fact on the same subject and attribute does is refused, with that one's id.",
			answers: []result{gives[factJSON](http.StatusOK, "The fact as it is now.")}, codes: []core.Code{core.CodeNotFound, core.CodeVersionConflict}},
		{method: http.MethodDelete, path: all + "/{fact_id}", name: "deleteFact", group: "Facts", access: accessKey, scopes: core.ScopeMemoryWrite,
			summary: "Forget a fact", endpoint: asks((*Server).deleteFact),
			answers: []result{nothing("It is gone.")}, codes: []core.Code{core.CodeNotFound}},
	}
}

func (s *Server) listFacts(r *request) (answer, error) {
	id, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	include, _ := r.query.text("include")
	q := facts.Query{Superseded: include == "superseded"}
	if text, ok := r.query.text("as_of"); ok {
		at, err := core.ParseTime(text)
		if err != nil {
			return answer{}, err
		}
		q.AsOf = &at
	}
	cursor, _ := r.query.text("cursor")
	page, err := s.Facts.List(r.ctx, r.caller, id, q, cursor, r.query.limit())
	return answer{status: http.StatusOK, body: listOf(page, factToJSON)}, err
}

func (s *Server) createFact(r *request, in newFactJSON) (answer, error) {
	id, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	n, err := in.fact()
	if err != nil {
		return answer{}, err
	}
	f, err := s.Facts.Add(r.ctx, r.caller, r.op, id, n)
	return createdFact(id, f), err
}

func createdFact(user core.UserID, f core.Fact) answer {
	return answer{
		status: http.StatusCreated, body: factToJSON(f), kept: madeJSON{ID: string(f.ID)},
		location: users + "/" + string(user) + "/facts/" + string(f.ID),
	}
}

// factAgain answers a repeated createFact.
func (s *Server) factAgain(r *request, made madeJSON) (answer, error) {
	user, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	f, err := s.Facts.Fact(r.ctx, r.caller, user, core.FactID(made.ID))
	return createdFact(user, f), err
}

func (in newFactJSON) fact() (facts.NewFact, error) {
	for _, given := range []struct {
		location string
		text     *string
	}{{"subject", in.Subject}, {"attribute", in.Attribute}, {"value", in.Value}, {"superseded_by", in.SupersededBy}} {
		if given.text != nil && *given.text == "" {
			return facts.NewFact{}, core.Invalid(given.location, "must not be empty; leave it out for none", nil)
		}
	}
	n := facts.NewFact{
		Text: in.Text, ValidFrom: plainTime(in.ValidFrom), ValidTo: plainTime(in.ValidTo), Subject: orEmpty(in.Subject),
		Attribute: orEmpty(in.Attribute), Value: orEmpty(in.Value), SupersededBy: core.FactID(orEmpty(in.SupersededBy)),
	}
	if n.SupersededBy != "" && !n.SupersededBy.Valid() {
		return n, core.Invalid("superseded_by", "must be the id of a fact, fact_…", nil)
	}
	list := in.Sources
	if in.Source != nil {
		list = append([]newFactSourceJSON{*in.Source}, list...)
	}
	for _, s := range list {
		from, err := s.source()
		if err != nil {
			return n, err
		}
		n.Sources = append(n.Sources, from)
	}
	return n, nil
}

func (in newFactSourceJSON) source() (core.FactSource, error) {
	from := core.FactSource{Interaction: core.InteractionID(in.InteractionID)}
	if !from.Interaction.Valid() {
		return from, core.Invalid("source.interaction_id", "must be the id of an interaction, int_…", nil)
	}
	if in.ConversationID != nil {
		from.Conversation = core.ConversationID(*in.ConversationID)
		if !from.Conversation.Valid() {
			return from, core.Invalid("source.conversation_id", "must be the id of a conversation, cnv_…", nil)
		}
	}
	return from, nil
}

func (s *Server) updateFact(r *request, in factPatchJSON) (answer, error) {
	id, fact, err := s.fact(r)
	if err != nil {
		return answer{}, err
	}
	patch := facts.Patch{Text: in.Text, ValidTo: core.Patch[time.Time]{Set: in.ValidTo.set, Value: plainTime(in.ValidTo.value)}}
	f, err := s.Facts.Update(r.ctx, r.caller, id, fact, patch)
	return answer{status: http.StatusOK, body: factToJSON(f)}, err
}

func (s *Server) deleteFact(r *request) (answer, error) {
	id, fact, err := s.fact(r)
	if err != nil {
		return answer{}, err
	}
	return noContent(s.Facts.Delete(r.ctx, r.caller, id, fact))
}

// fact gives the user and the fact that the path names.
func (s *Server) fact(r *request) (core.UserID, core.FactID, error) {
	fact, err := validID(core.FactID(r.path[pathFact]))
	if err != nil {
		return "", "", err
	}
	id, err := s.user(r)
	return id, fact, err
}
