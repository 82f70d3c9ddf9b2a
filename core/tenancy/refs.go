package tenancy

import (
	"context"
	"encoding/json"

	"github.com/raven-memory/raven/core"
)

// What the store finds things by depends on the deployment's choice (Options.
// PlainRefs). These work it out anew from what is sealed, for records that come
// from where the choice was another.

// EmailKey is what a tenant's email is found by.
func (s *Service) EmailKey(ctx context.Context, r core.TenantRecord) (string, error) {
	plain, err := s.Seal.Open(ctx, core.TenantPlace(r.ID, r.Version), r.Profile)
	if err != nil {
		return "", err
	}
	var p profile
	if err := json.Unmarshal(plain, &p); err != nil {
		return "", err
	}
	return s.lookUp(ctx, core.DeploymentTenant, "email", s.opt.FoldEmail(p.Email))
}

// UserRefKey is what a user's external reference is found by; "" for none.
func (s *Service) UserRefKey(ctx context.Context, tenant core.TenantID, r core.UserRecord) (string, error) {
	if r.RefKey == "" {
		return "", nil
	}
	plain, err := s.Seal.Open(ctx, core.UserPlace(tenant, r.ID, r.Version), r.Sealed)
	if err != nil {
		return "", err
	}
	c, err := decodeCard(plain)
	if err != nil {
		return "", err
	}
	return s.userRef(ctx, tenant, c.Ref)
}

// ConversationRefKey is what a conversation's external reference is found by;
// "" for none.
func (s *Service) ConversationRefKey(ctx context.Context, tenant core.TenantID, r core.ConversationRecord) (string, error) {
	if r.RefKey == "" {
		return "", nil
	}
	plain, err := s.Seal.Open(ctx, core.ConversationPlace(tenant, r.User, r.ID, r.Version), r.Sealed)
	if err != nil {
		return "", err
	}
	c, err := decodeCard(plain)
	if err != nil {
		return "", err
	}
	return s.conversationRef(ctx, tenant, r.User, c.Ref)
}
