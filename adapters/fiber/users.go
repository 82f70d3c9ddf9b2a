package fiberhttp

import (
	"net/http"
	"strings"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
)

type newUserJSON struct {
	ExternalRef *string `json:"external_ref,omitzero" minLength:"1" maxLength:"256" example:"ada" doc:"Your own id of the user; unique among the tenant's."`
	DisplayName *string `json:"display_name,omitzero" minLength:"1" maxLength:"200" example:"Ada"`
	Metadata    *object `json:"metadata,omitzero" nullable:"true" doc:"Any JSON object of at most 16 KiB and 5 levels."`
}

// ensuredUserJSON is a new user whose reference is in the path.
type ensuredUserJSON struct {
	DisplayName *string `json:"display_name,omitzero" minLength:"1" maxLength:"200" example:"Ada"`
	Metadata    *object `json:"metadata,omitzero" nullable:"true" doc:"Any JSON object of at most 16 KiB and 5 levels."`
}

type userPatchJSON struct {
	DisplayName optional[string] `json:"display_name,omitzero" minLength:"1" maxLength:"200"`
	Metadata    optional[object] `json:"metadata,omitzero" doc:"A merge patch: members that are null go."`
}

type userJSON struct {
	ID          string  `json:"id"`
	ExternalRef *string `json:"external_ref"`
	DisplayName *string `json:"display_name"`
	Metadata    object  `json:"metadata"`
	CreatedAt   instant `json:"created_at"`
	UpdatedAt   instant `json:"updated_at"`
}

func userToJSON(u core.User) userJSON {
	return userJSON{
		ID: string(u.ID), ExternalRef: u.ExternalRef, DisplayName: u.DisplayName, Metadata: object(u.Metadata.JSON()),
		CreatedAt: instant(u.CreatedAt), UpdatedAt: instant(u.UpdatedAt),
	}
}

func userAnswer(status int, u core.User) answer {
	return answer{status: status, body: userToJSON(u), etag: versionTag(u.Version)}
}

func (s *Server) createUser(r *request, in newUserJSON) (answer, error) {
	u, err := s.Tenancy.CreateUser(r.ctx, r.caller, r.op, tenancy.NewUser{
		ExternalRef: in.ExternalRef, DisplayName: in.DisplayName, Metadata: objectBytes(in.Metadata),
	})
	return createdUser(u), err
}

func createdUser(u core.User) answer {
	a := userAnswer(http.StatusCreated, u)
	a.location, a.kept = users+"/"+string(u.ID), madeJSON{ID: string(u.ID)}
	return a
}

// userAgain answers a repeated createUser.
func (s *Server) userAgain(r *request, made madeJSON) (answer, error) {
	u, err := s.Tenancy.User(r.ctx, r.caller, core.UserID(made.ID))
	return createdUser(u), err
}

func (s *Server) ensureUser(r *request, in ensuredUserJSON) (answer, error) {
	ref, ok := strings.CutPrefix(r.path["external_ref"], "ext:")
	if !ok {
		r.x.http.Response.Header.Set("Allow", "GET, HEAD, PATCH, DELETE")
		return answer{}, methodNotAllowed()
	}
	if msg := core.CheckExternalRef(ref); msg != "" {
		return answer{}, core.Invalid("path.external_ref", msg, nil)
	}
	u, created, err := s.Tenancy.EnsureUser(r.ctx, r.caller, tenancy.NewUser{
		ExternalRef: &ref, DisplayName: in.DisplayName, Metadata: objectBytes(in.Metadata),
	})
	if created {
		return createdUser(u), err
	}
	return userAnswer(http.StatusOK, u), err
}

func (s *Server) listUsers(r *request) (answer, error) {
	cursor, paging := r.query.text("cursor")
	if ref, ok := r.query.text("external_ref"); ok {
		if paging { // this list has one page, and so gave no cursor
			return answer{}, brokenCursor()
		}
		return s.findUser(r, ref)
	}
	page, err := s.Tenancy.Users(r.ctx, r.caller, cursor, r.query.limit())
	return answer{status: http.StatusOK, body: listOf(page, userToJSON)}, err
}

func (s *Server) findUser(r *request, ref string) (answer, error) {
	page := core.List[core.User]{}
	u, err := s.Tenancy.UserByRef(r.ctx, r.caller, ref)
	switch {
	case err == nil:
		page.Items = []core.User{u}
	case !core.Is(err, core.CodeNotFound):
		return answer{}, err
	}
	return ok(listOf(page, userToJSON))
}

func (s *Server) getUser(r *request) (answer, error) {
	id, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	u, err := s.Tenancy.User(r.ctx, r.caller, id)
	return userAnswer(http.StatusOK, u), err
}

func (s *Server) patchUser(r *request, in userPatchJSON) (answer, error) {
	id, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	patch := tenancy.UserPatch{DisplayName: in.DisplayName.patch(), Metadata: objectPatch(in.Metadata)}
	u, err := whenMatch(r, func(ifVersion int64) (core.User, error) {
		return s.Tenancy.UpdateUser(r.ctx, r.caller, id, patch, ifVersion)
	})
	return userAnswer(http.StatusOK, u), err
}

func (s *Server) deleteUser(r *request) (answer, error) {
	id, err := s.user(r)
	if err != nil {
		return answer{}, err
	}
	_, err = whenMatch(r, func(ifVersion int64) (noBody, error) {
		return noBody{}, s.Tenancy.DeleteUser(r.ctx, r.caller, id, ifVersion)
	})
	return noContent(err)
}
