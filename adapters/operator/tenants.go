package operator

import (
	"net/http"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
)

// patch reads quotas into a change of settings.
func (q Quotas) patch() (tenancy.SettingsPatch, error) {
	var p tenancy.SettingsPatch
	to := map[string]*core.Patch[int64]{
		"retention_days": &p.RetentionDays, "max_users": &p.MaxUsers,
		"max_conversations_per_user": &p.MaxConversationsPerUser, "batch_size": &p.BatchSize,
		"rate_limit_per_minute": &p.RateLimitPerMinute,
	}
	for name, value := range q {
		member, ok := to[name]
		if !ok {
			return p, core.Invalid(name, "is no quota", nil)
		}
		*member = core.Patch[int64]{Set: true, Value: value}
	}
	return p, nil
}

func (h *handler) createTenant(r *http.Request) (int, any, error) {
	var in NewTenant
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	settings, err := in.Quotas.patch()
	if err != nil {
		return 0, nil, err
	}
	t, key, err := h.Tenancy.Register(r.Context(), core.Op{}, tenancy.Registration{Name: in.Name, Email: in.Email, Settings: settings})
	return http.StatusCreated, CreatedTenant{Tenant: tenantToWire(t), APIKey: issuedToWire(key)}, err
}

// listTenants passes over tenants that are deleted while it looks.
func (h *handler) listTenants(r *http.Request) (int, any, error) {
	limit := limitOf(r)
	ids, err := h.Tenancy.TenantIDs(r.Context(), core.TenantID(r.URL.Query().Get("after")), limit)
	if err != nil {
		return 0, nil, err
	}
	out := page[Tenant]{Data: make([]Tenant, 0, len(ids))}
	for _, id := range ids {
		t, err := h.Tenancy.Tenant(r.Context(), core.Caller{Tenant: id})
		if core.Is(err, core.CodeNotFound) {
			continue
		}
		if err != nil { // one that can't be read must not hide the others
			t = core.Tenant{ID: id, Name: "(can't be read: " + string(core.CodeOf(err)) + ")"}
		}
		out.Data = append(out.Data, tenantToWire(t))
	}
	if len(ids) == limit {
		out.Next = string(ids[limit-1])
	}
	return http.StatusOK, out, nil
}

func (h *handler) showTenant(r *http.Request) (int, any, error) {
	caller, err := tenantOf(r)
	if err != nil {
		return 0, nil, err
	}
	t, err := h.Tenancy.Tenant(r.Context(), caller)
	if err != nil {
		return 0, nil, err
	}
	u, err := h.Tenancy.Usage(r.Context(), caller)
	if err != nil {
		return 0, nil, err
	}
	out := TenantDetails{Tenant: tenantToWire(t), Usage: Usage{
		Users: u.Users, Conversations: u.Conversations, Interactions: u.Interactions,
		Buffered: u.Buffered, Blobs: u.Blobs, BlobBytes: u.BlobBytes,
	}}
	if e, err := h.Sealing.Status(r.Context(), caller.Tenant, t.Settings.EncryptionMode); err == nil {
		out.Encryption = &Encryption{
			Provider: e.Provider, KeyVersion: e.KeyVersion, KeyCreatedAt: e.KeyCreatedAt, Reencryption: string(e.Reencryption.State),
		}
	}
	return http.StatusOK, out, nil
}

func (h *handler) suspendTenant(r *http.Request) (int, any, error) {
	caller, err := tenantOf(r)
	if err != nil {
		return 0, nil, err
	}
	t, err := h.Tenancy.Suspend(r.Context(), caller.Tenant)
	return http.StatusOK, tenantToWire(t), err
}

func (h *handler) resumeTenant(r *http.Request) (int, any, error) {
	caller, err := tenantOf(r)
	if err != nil {
		return 0, nil, err
	}
	t, err := h.Tenancy.Resume(r.Context(), caller.Tenant)
	return http.StatusOK, tenantToWire(t), err
}

func (h *handler) setQuotas(r *http.Request) (int, any, error) {
	caller, err := tenantOf(r)
	if err != nil {
		return 0, nil, err
	}
	var in Quotas
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	settings, err := in.patch()
	if err != nil {
		return 0, nil, err
	}
	t, err := h.Tenancy.UpdateTenant(r.Context(), caller, tenancy.TenantPatch{Settings: settings}, 0)
	return http.StatusOK, tenantToWire(t), err
}

func (h *handler) deleteTenant(r *http.Request) (int, any, error) {
	caller, err := tenantOf(r)
	if err != nil {
		return 0, nil, err
	}
	d, err := h.Tenancy.DeleteTenant(r.Context(), caller, r.URL.Query().Get("confirm"))
	return http.StatusAccepted, DeletedTenant{ID: d.Tenant, DeletedAt: d.DeletedAt, Keys: d.Keys, Signature: d.Signature}, err
}
