package fiberhttp

import (
	"net/http"
	"time"

	"github.com/raven-memory/raven/core"
)

type apiKeyJSON struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Prefix      string   `json:"prefix" doc:"The key's public beginning, to tell keys apart."`
	Scopes      scopeSet `json:"scopes"`
	Environment string   `json:"environment" enum:"live,test"`
	CreatedAt   instant  `json:"created_at"`
	LastUsedAt  *instant `json:"last_used_at" nullable:"true" doc:"To about a minute."`
	ExpiresAt   *instant `json:"expires_at" nullable:"true"`
	RevokedAt   *instant `json:"revoked_at" nullable:"true"`
}

type issuedKeyJSON struct {
	apiKeyJSON
	Key string `json:"key,omitzero" doc:"The key itself. It is shown this once, and not in a replayed answer."`
}

type newKeyJSON struct {
	Name        string   `json:"name" minLength:"1" maxLength:"200" example:"agent" doc:"What the key is for."`
	Scopes      scopeSet `json:"scopes" doc:"A list of scopes, or \"full_access\", \"read_only\" or \"agent_only\". At most those of the key that asks."`
	ExpiresAt   *instant `json:"expires_at,omitzero" nullable:"true" doc:"When it ends; null for never."`
	Environment *string  `json:"environment,omitzero" enum:"live,test" doc:"\"test\" marks a key as not for production; it has the same rights. Default \"live\"."`
}

type rotationJSON struct {
	GraceSeconds *int64 `json:"grace_seconds,omitzero" minimum:"0" maximum:"2592000" doc:"How long the old key goes on. Default 86400, a day."`
}

func keyToJSON(k core.APIKey) apiKeyJSON {
	return apiKeyJSON{
		ID: string(k.ID), Name: k.Name, Prefix: k.Prefix, Scopes: scopeSet(k.Scopes), Environment: string(k.Environment),
		CreatedAt: instant(k.CreatedAt), LastUsedAt: timeOrNil(k.LastUsedAt),
		ExpiresAt: timeOrNil(k.ExpiresAt), RevokedAt: timeOrNil(k.RevokedAt),
	}
}

func issuedToJSON(k core.IssuedKey) issuedKeyJSON {
	return issuedKeyJSON{apiKeyJSON: keyToJSON(k.APIKey), Key: k.Secret}
}

// issuedAnswer shows a key's secret once: what is kept for a replay has none.
func issuedAnswer(k core.IssuedKey) answer {
	return answer{status: http.StatusCreated, body: issuedToJSON(k), kept: keyToJSON(k.APIKey)}
}

func (s *Server) listKeys(r *request) (answer, error) {
	cursor, _ := r.query.text("cursor")
	page, err := s.Keys.List(r.ctx, r.caller, cursor, r.query.limit())
	return answer{status: http.StatusOK, body: listOf(page, keyToJSON)}, err
}

func (s *Server) getCurrentKey(r *request) (answer, error) {
	key, err := s.Keys.Current(r.ctx, r.caller)
	return answer{status: http.StatusOK, body: keyToJSON(key)}, err
}

func (s *Server) createKey(r *request, in newKeyJSON) (answer, error) {
	key, err := s.Keys.Create(r.ctx, r.caller, r.op, core.NewKey{
		Name: in.Name, Scopes: core.Scopes(in.Scopes), ExpiresAt: plainTime(in.ExpiresAt),
		Environment: core.Environment(orEmpty(in.Environment)),
	})
	return issuedAnswer(key), err
}

func (s *Server) rotateKey(r *request, in rotationJSON) (answer, error) {
	id, err := r.keyID()
	if err != nil {
		return answer{}, err
	}
	grace := int64(core.DefaultGraceSeconds)
	if in.GraceSeconds != nil {
		grace = *in.GraceSeconds
	}
	if grace < 0 || grace > core.MaxGraceSeconds { // before it becomes a duration, which could overflow
		return answer{}, core.Invalid("grace_seconds", "must be between 0 and 2592000", grace)
	}
	key, err := s.Keys.Rotate(r.ctx, r.caller, r.op, id, time.Duration(grace)*time.Second)
	return issuedAnswer(key), err
}

func (s *Server) revokeKey(r *request) (answer, error) {
	id, err := r.keyID()
	if err != nil {
		return answer{}, err
	}
	return noContent(s.Keys.Revoke(r.ctx, r.caller, r.op, id))
}
