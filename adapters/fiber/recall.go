package fiberhttp

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/recall"
)

type contextQueryJSON struct {
	Query          string   `json:"query" minLength:"1" example:"When does school start?" doc:"What the next answer is about; at most 64 KiB."`
	MaxTokens      *int64   `json:"max_tokens,omitzero" minimum:"16" maximum:"32000" doc:"How long the context may be, by token_counter. Default 2000."`
	ConversationID *string  `json:"conversation_id,omitzero" doc:"Whose recent turns to add, by id or ext:{external_ref}; null for the one that spoke last."`
	Since          *instant `json:"since,omitzero" nullable:"true" doc:"Only what occurred then or later."`
	Until          *instant `json:"until,omitzero" nullable:"true" doc:"Only what occurred before."`
	Include        []string `json:"include,omitzero" enum:"facts,episodes,recent" doc:"What to take in. Default all."`
	Metadata       *object  `json:"metadata,omitzero" nullable:"true" doc:"Only what has these members in its metadata."`
}

type contextJSON struct {
	Context      string     `json:"context" doc:"A block ready for a prompt, marked as quoted data."`
	TokenCount   int64      `json:"token_count"`
	TokenCounter string     `json:"token_counter" doc:"How tokens are counted."`
	Truncated    bool       `json:"truncated" doc:"Something that was found did not fit."`
	Items        []itemJSON `json:"items" doc:"The block's lines, in its order."`
}

type searchJSON struct {
	Query          string   `json:"query" minLength:"1" example:"school" doc:"At most 64 KiB."`
	Limit          *int64   `json:"limit,omitzero" minimum:"1" maximum:"100" doc:"Default 10."`
	Since          *instant `json:"since,omitzero" nullable:"true" doc:"Only what occurred then or later."`
	Until          *instant `json:"until,omitzero" nullable:"true" doc:"Only what occurred before."`
	ConversationID *string  `json:"conversation_id,omitzero" doc:"Only that conversation, by id or ext:{external_ref}."`
	Roles          []string `json:"roles,omitzero" enum:"user,assistant,system,tool" doc:"Only what one of these said. Default all."`
	Types          []string `json:"types,omitzero" enum:"interaction,fact" doc:"Default all."`
	Metadata       *object  `json:"metadata,omitzero" nullable:"true" doc:"Only what has these members in its metadata."`
	Explain        *bool    `json:"explain,omitzero" doc:"Adds score_breakdown to each item."`
}

type foundJSON struct {
	Data []itemJSON `json:"data" doc:"Best first."`
}

type itemJSON struct {
	Type           string             `json:"type" enum:"interaction,fact"`
	ID             string             `json:"id"`
	Text           string             `json:"text"`
	Role           string             `json:"role" enum:"user,assistant,system,tool"`
	Name           *string            `json:"name"`
	ConversationID *string            `json:"conversation_id" doc:"null for a fact that no conversation is the source of."`
	BlobID         *string            `json:"blob_id" doc:"null while it is buffered."`
	OccurredAt     instant            `json:"occurred_at"`
	Score          float64            `json:"score" doc:"Compares items of one answer only."`
	ScoreBreakdown map[string]float64 `json:"score_breakdown,omitzero" doc:"With explain: what each signal gave."`
}

// itemsToJSON converts recalled items, to which the result points.
func itemsToJSON(list []recall.Item) []itemJSON {
	out := make([]itemJSON, len(list))
	for n := range list {
		i := &list[n]
		out[n] = itemJSON{
			Type: i.Type, ID: i.ID, Text: i.Text, Role: string(i.Role), Name: nilIfEmpty(&i.Name),
			ConversationID: nilIfEmpty((*string)(&i.Conversation)), BlobID: nilIfEmpty((*string)(&i.Blob)),
			OccurredAt: instant(i.OccurredAt), Score: i.Score, ScoreBreakdown: i.Breakdown,
		}
	}
	return out
}

func contextToJSON(c recall.Context) contextJSON {
	return contextJSON{
		Context: c.Text, TokenCount: int64(c.TokenCount), TokenCounter: c.TokenCounter, Truncated: c.Truncated,
		Items: itemsToJSON(c.Items),
	}
}

// faults gathers what is wrong with a question.
type faults []core.FieldError

func (f *faults) add(location, message string, value any) {
	if message != "" {
		*f = append(*f, core.FieldError{Location: location, Message: message, Value: value})
	}
}

func (f *faults) query(location, text string) { f.add(location, core.CheckQuery(text), nil) }

// number gives the value or its default, and holds it between low and high.
func (f *faults) number(location string, v *int64, low, high, preset int64) int {
	switch {
	case v == nil:
		return int(preset)
	case *v < low || *v > high:
		f.add(location, fmt.Sprintf("must be between %d and %d", low, high), *v)
	}
	return int(*v)
}

func (f *faults) metadata(location string, o *object) core.Metadata {
	m, bad := core.ParseMetadata(objectBytes(o))
	if bad != nil {
		f.add(location, bad.Message, nil)
	}
	return m
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return core.InvalidFields(f)
}

// contextQuery makes the services' question of the wire's. within is where it
// stands in the body.
func (s *Server) contextQuery(r *request, user core.UserID, in contextQueryJSON, within string) (recall.ContextQuery, error) {
	var bad faults
	q := recall.ContextQuery{
		Text: in.Query, Since: plainTime(in.Since), Until: plainTime(in.Until),
		MaxTokens: bad.number(within+"max_tokens", in.MaxTokens, core.MinMaxTokens, core.MaxMaxTokens, core.DefaultMaxTokens),
		Metadata:  bad.metadata(within+"metadata", in.Metadata),
	}
	bad.query(within+"query", in.Query)
	for _, part := range in.Include {
		q.Include = append(q.Include, recall.Include(part))
	}
	if err := bad.err(); err != nil {
		return q, err
	}
	var err error
	q.Conversation, err = s.namedConversation(r, user, in.ConversationID)
	return q, err
}

// namedConversation finds a conversation that a body names; one that is not
// there is told, so that a slip does not read like an empty memory.
func (s *Server) namedConversation(r *request, user core.UserID, name *string) (core.ConversationID, error) {
	if name == nil {
		return "", nil
	}
	id, err := s.Tenancy.ResolveConversation(r.ctx, r.caller, user, *name)
	if err == nil && !strings.HasPrefix(*name, "ext:") {
		_, err = s.Tenancy.Conversation(r.ctx, r.caller, user, id)
	}
	return id, err
}

// forUser answers a question about the user in the path.
func (s *Server) forUser(r *request, ask func(user core.UserID) (answer, error)) (a answer, err error) {
	err = s.Tenancy.ForUser(r.ctx, r.caller, r.path[pathUser], func(user core.UserID) error {
		a, err = ask(user)
		return err
	})
	return a, err
}

func (s *Server) getContext(r *request, in contextQueryJSON) (answer, error) {
	return s.forUser(r, func(user core.UserID) (answer, error) { return s.contextOf(r, user, in) })
}

func (s *Server) contextOf(r *request, user core.UserID, in contextQueryJSON) (answer, error) {
	q, err := s.contextQuery(r, user, in, "")
	if err != nil {
		return answer{}, err
	}
	c, err := s.context(r, user, q)
	return answer{status: http.StatusOK, body: contextToJSON(c)}, err
}

// context makes a context, and has it noted.
func (s *Server) context(r *request, user core.UserID, q recall.ContextQuery) (recall.Context, error) {
	c, err := s.Recall.Context(r.ctx, r.caller, user, q)
	if err == nil {
		err = s.noteRead(r.ctx, r.caller, audit.Read{Kind: "context", User: user, Conversation: q.Conversation, Items: receipt(c.Items)})
	}
	return c, err
}

func (s *Server) search(r *request, in searchJSON) (answer, error) {
	return s.forUser(r, func(user core.UserID) (answer, error) { return s.searchOf(r, user, in) })
}

func (s *Server) searchOf(r *request, user core.UserID, in searchJSON) (answer, error) {
	q, err := s.searchQuery(r, user, in)
	if err != nil {
		return answer{}, err
	}
	items, err := s.Recall.Search(r.ctx, r.caller, user, q)
	if err == nil {
		err = s.noteRead(r.ctx, r.caller, audit.Read{Kind: "search", User: user, Conversation: q.Conversation, Items: receipt(items)})
	}
	return answer{status: http.StatusOK, body: foundJSON{Data: itemsToJSON(items)}}, err
}

func (s *Server) searchQuery(r *request, user core.UserID, in searchJSON) (recall.Query, error) {
	var bad faults
	q := recall.Query{
		Text: in.Query, Since: plainTime(in.Since), Until: plainTime(in.Until), Types: in.Types,
		Limit:    bad.number("limit", in.Limit, 1, core.MaxSearchLimit, core.DefaultSearchLimit),
		Metadata: bad.metadata("metadata", in.Metadata), Explain: in.Explain != nil && *in.Explain,
	}
	bad.query("query", in.Query)
	for _, role := range in.Roles {
		q.Roles = append(q.Roles, core.Role(role))
	}
	if err := bad.err(); err != nil {
		return q, err
	}
	var err error
	q.Conversation, err = s.namedConversation(r, user, in.ConversationID)
	return q, err
}
