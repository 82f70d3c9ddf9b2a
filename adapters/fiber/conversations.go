package fiberhttp

import (
	"net/http"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
)

type newConversationJSON struct {
	ExternalRef *string `json:"external_ref,omitzero" minLength:"1" maxLength:"256" example:"chat-1" doc:"Your own id of the conversation; unique among the user's."`
	Title       *string `json:"title,omitzero" minLength:"1" maxLength:"200"`
	Metadata    *object `json:"metadata,omitzero" nullable:"true" doc:"Any JSON object of at most 16 KiB and 5 levels."`
}

type conversationPatchJSON struct {
	Title    optional[string] `json:"title,omitzero" minLength:"1" maxLength:"200"`
	Metadata optional[object] `json:"metadata,omitzero" doc:"A merge patch: members that are null go."`
	Status   optional[string] `json:"status,omitzero" nullable:"false" doc:"\"closed\" ends the conversation: what is buffered is sealed, and it takes no more."`
}

type conversationJSON struct {
	ID               string   `json:"id"`
	UserID           string   `json:"user_id"`
	ExternalRef      *string  `json:"external_ref"`
	Title            *string  `json:"title"`
	Metadata         object   `json:"metadata"`
	Status           string   `json:"status" enum:"open,closed"`
	InteractionCount int64    `json:"interaction_count" doc:"What is stored of it now."`
	CreatedAt        instant  `json:"created_at"`
	UpdatedAt        instant  `json:"updated_at"`
	ClosedAt         *instant `json:"closed_at" nullable:"true"`
}

func conversationToJSON(c core.Conversation) conversationJSON {
	return conversationJSON{
		ID: string(c.ID), UserID: string(c.User), ExternalRef: c.ExternalRef, Title: c.Title,
		Metadata: object(c.Metadata.JSON()), Status: string(c.Status), InteractionCount: c.InteractionCount,
		CreatedAt: instant(c.CreatedAt), UpdatedAt: instant(c.UpdatedAt), ClosedAt: timeOrNil(c.ClosedAt),
	}
}

func conversationAnswer(status int, c core.Conversation) answer {
	return answer{status: status, body: conversationToJSON(c), etag: versionTag(c.Version, c.InteractionCount)}
}

func (s *Server) createConversation(r *request, in newConversationJSON) (answer, error) {
	user, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	c, err := s.Tenancy.CreateConversation(r.ctx, r.caller, r.op, user, tenancy.NewConversation{
		ExternalRef: in.ExternalRef, Title: in.Title, Metadata: objectBytes(in.Metadata),
	})
	return createdConversation(c), err
}

func createdConversation(c core.Conversation) answer {
	a := conversationAnswer(http.StatusCreated, c)
	a.location, a.kept = users+"/"+string(c.User)+"/conversations/"+string(c.ID), madeJSON{ID: string(c.ID)}
	return a
}

// conversationAgain answers a repeated createConversation.
func (s *Server) conversationAgain(r *request, made madeJSON) (answer, error) {
	user, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	c, err := s.Tenancy.Conversation(r.ctx, r.caller, user, core.ConversationID(made.ID))
	return createdConversation(c), err
}

func (s *Server) listConversations(r *request) (answer, error) {
	user, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	cursor, _ := r.query.text("cursor")
	page, err := s.Tenancy.Conversations(r.ctx, r.caller, user, cursor, r.query.limit())
	return answer{status: http.StatusOK, body: listOf(page, conversationToJSON)}, err
}

func (s *Server) getConversation(r *request) (answer, error) {
	user, id, err := s.conversation(r)
	if err != nil {
		return answer{}, err
	}
	c, err := s.Tenancy.Conversation(r.ctx, r.caller, user, id)
	return conversationAnswer(http.StatusOK, c), err
}

func (s *Server) patchConversation(r *request, in conversationPatchJSON) (answer, error) {
	user, id, err := s.conversation(r)
	if err != nil {
		return answer{}, err
	}
	patch := tenancy.ConversationPatch{
		Title: in.Title.patch(), Metadata: objectPatch(in.Metadata), Status: in.Status.patch(),
	}
	c, err := whenMatch(r, func(ifVersion int64) (core.Conversation, error) {
		return s.Tenancy.UpdateConversation(r.ctx, r.caller, user, id, patch, ifVersion)
	})
	return conversationAnswer(http.StatusOK, c), err
}

func (s *Server) deleteConversation(r *request) (answer, error) {
	user, id, err := s.conversation(r)
	if err != nil {
		return answer{}, err
	}
	_, err = whenMatch(r, func(ifVersion int64) (noBody, error) {
		return noBody{}, s.Tenancy.DeleteConversation(r.ctx, r.caller, user, id, ifVersion)
	})
	return noContent(err)
}
