package fiberhttp

import (
	"github.com/raven-memory/raven/core"
)

// The names of what paths hold. Values were percent-decoded once; what cannot
// be an id is answered like one that nothing has.
const (
	pathUser         = "user_id"
	pathConversation = "conversation_id"
	pathKey          = "key_id"
	pathBlob         = "blob_id"
	pathInteraction  = "interaction_id"
	pathDelivery     = "delivery_id"
	pathFact         = "fact_id"
)

// user gives the user that the path names, by id or as ext:{external_ref}.
func (s *Server) user(r *request) (core.UserID, error) {
	return s.Tenancy.ResolveUser(r.ctx, r.caller, r.path[pathUser])
}

// conversation gives the user and the conversation that the path names.
func (s *Server) conversation(r *request) (core.UserID, core.ConversationID, error) {
	user, err := s.user(r)
	if err != nil {
		return "", "", err
	}
	id, err := s.Tenancy.ResolveConversation(r.ctx, r.caller, user, r.path[pathConversation])
	return user, id, err
}

func (r *request) keyID() (core.KeyID, error) { return validID(core.KeyID(r.path[pathKey])) }

func (r *request) blobID() (core.BlobID, error) { return validID(core.BlobID(r.path[pathBlob])) }

func (r *request) interactionID() (core.InteractionID, error) {
	return validID(core.InteractionID(r.path[pathInteraction]))
}

func validID[ID interface {
	~string
	Valid() bool
}](id ID) (ID, error) {
	if !id.Valid() {
		return "", core.NotFound()
	}
	return id, nil
}
