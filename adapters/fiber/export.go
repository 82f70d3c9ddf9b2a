package fiberhttp

import (
	"context"
	"net/http"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/audit"
	"github.com/raven-memory/raven/core/facts"
)

// exportLineJSON is a line of an export: what kind of thing it is, and the thing.
type exportLineJSON struct {
	Type         string            `json:"type" enum:"user,conversation,interaction,fact,end"`
	User         *userJSON         `json:"user,omitzero"`
	Conversation *conversationJSON `json:"conversation,omitzero"`
	Interaction  *interactionJSON  `json:"interaction,omitzero"`
	Fact         *factJSON         `json:"fact,omitzero"`
	Counts       *exportCountsJSON `json:"counts,omitzero" doc:"With \"end\", the last line: an export without it is not whole."`
}

type exportCountsJSON struct {
	Conversations int64 `json:"conversations"`
	Interactions  int64 `json:"interactions"`
	Facts         int64 `json:"facts"`
}

// export is one export on its way. It holds a page at a time.
type export struct {
	s      *Server
	ctx    context.Context //nolint:containedctx // the stream's own
	caller core.Caller
	user   core.UserID
	send   func(line any) error
	counts exportCountsJSON
}

func (s *Server) exportUser(r *request) (answer, error) {
	id, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	u, err := s.Tenancy.User(r.ctx, r.caller, id)
	if err != nil {
		return answer{}, err
	}
	if err := s.noteRead(r.ctx, r.caller, audit.Read{Kind: "export", User: u.ID}); err != nil {
		return answer{}, err
	}
	caller := r.caller
	return answer{status: http.StatusOK, stream: func(ctx context.Context, send func(line any) error) error {
		e := export{s: s, ctx: ctx, caller: caller, user: u.ID, send: send}
		return e.run(u)
	}}, nil
}

func (e *export) run(u core.User) error {
	user := userToJSON(u)
	if err := e.send(exportLineJSON{Type: "user", User: &user}); err != nil {
		return err
	}
	err := everyPage(func(cursor string) (core.List[core.Conversation], error) {
		return e.s.Tenancy.Conversations(e.ctx, e.caller, e.user, cursor, core.MaxPage)
	}, e.conversation)
	if err != nil {
		return err
	}
	err = everyPage(func(cursor string) (core.List[core.Fact], error) {
		return e.s.Facts.List(e.ctx, e.caller, e.user, facts.Query{Superseded: true}, cursor, core.MaxPage)
	}, e.fact)
	if err != nil {
		return err
	}
	return e.send(exportLineJSON{Type: "end", Counts: &e.counts})
}

func (e *export) conversation(c core.Conversation) error {
	out := conversationToJSON(c)
	e.counts.Conversations++
	if err := e.send(exportLineJSON{Type: "conversation", Conversation: &out}); err != nil {
		return err
	}
	err := everyPage(func(cursor string) (core.List[core.Interaction], error) {
		return e.s.Memory.List(e.ctx, e.caller, e.user, c.ID, cursor, core.MaxPage, false)
	}, e.interaction)
	if core.Is(err, core.CodeNotFound) {
		return nil // the conversation was deleted meanwhile
	}
	return err
}

func (e *export) fact(f core.Fact) error {
	out := factToJSON(f)
	e.counts.Facts++
	return e.send(exportLineJSON{Type: "fact", Fact: &out})
}

func (e *export) interaction(in core.Interaction) error {
	out := interactionToJSON(in)
	e.counts.Interactions++
	return e.send(exportLineJSON{Type: "interaction", Interaction: &out})
}

// everyPage visits every item of a list.
func everyPage[T any](fetch func(cursor string) (core.List[T], error), visit func(T) error) error {
	cursor := ""
	for {
		page, err := fetch(cursor)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := visit(item); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		cursor = page.Next
	}
}
