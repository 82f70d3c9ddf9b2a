package fiberhttp

import (
	"net/http"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/tenancy"
)

type settingsJSON struct {
	RetentionDays           int64   `json:"retention_days" doc:"How long memory is kept after Raven took it in; 0 is for ever."`
	MaxUsers                int64   `json:"max_users" doc:"How many users there may be."`
	MaxConversationsPerUser int64   `json:"max_conversations_per_user" doc:"How many conversations a user may have, open and closed."`
	BatchSize               int64   `json:"batch_size" doc:"How many interactions are sealed into one blob."`
	EncryptionMode          string  `json:"encryption_mode" enum:"platform,tenant" doc:"Who holds the key that wraps the tenant's data keys."`
	WebhookURL              *string `json:"webhook_url" doc:"Where events are delivered; null for nowhere."`
	RateLimitPerMinute      int64   `json:"rate_limit_per_minute" doc:"Requests a minute; 0 is no limit."`
	AuditReads              bool    `json:"audit_reads" doc:"Whether every read of memory is in the audit log, with the ids and scores of what it answered. The operator may have that so whatever this says."`
}

type settingsPatchJSON struct {
	RetentionDays           optional[int64]  `json:"retention_days,omitzero" minimum:"0" maximum:"3650" doc:"1 to 3650, or 0 to keep for ever. Default 30."`
	MaxUsers                optional[int64]  `json:"max_users,omitzero" minimum:"0" maximum:"1000000000" doc:"Default 1000."`
	MaxConversationsPerUser optional[int64]  `json:"max_conversations_per_user,omitzero" minimum:"0" maximum:"1000000000" doc:"Default 100."`
	BatchSize               optional[int64]  `json:"batch_size,omitzero" minimum:"1" maximum:"500" doc:"Default 10."`
	EncryptionMode          optional[string] `json:"encryption_mode,omitzero" doc:"\"platform\", or \"tenant\" where the operator offers it. Default \"platform\"."`
	WebhookURL              optional[string] `json:"webhook_url,omitzero" maxLength:"2048" doc:"An https URL. Default null."`
	RateLimitPerMinute      optional[int64]  `json:"rate_limit_per_minute,omitzero" minimum:"0" maximum:"1000000" doc:"At most the operator's limit, which is the default."`
	AuditReads              optional[bool]   `json:"audit_reads,omitzero" doc:"Have every read of memory in the audit log. Default false."`
}

type registrationJSON struct {
	Name     string             `json:"name" minLength:"1" maxLength:"200" example:"Acme" doc:"The tenant's name."`
	Email    string             `json:"email" format:"email" maxLength:"254" example:"ada@example.com" doc:"Whom to write to; unique among tenants, letter case aside."`
	Settings *settingsPatchJSON `json:"settings,omitzero" doc:"What differs from the defaults."`
}

type tenantPatchJSON struct {
	Name     optional[string]   `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"The tenant's name."`
	Settings *settingsPatchJSON `json:"settings,omitzero" doc:"The settings to change; null sets one back to its default."`
}

type tenantJSON struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Email     string       `json:"email"`
	Settings  settingsJSON `json:"settings"`
	CreatedAt instant      `json:"created_at"`
	UpdatedAt instant      `json:"updated_at"`
}

type registeredJSON struct {
	Tenant tenantJSON    `json:"tenant"`
	APIKey issuedKeyJSON `json:"api_key" doc:"The tenant's first key, with full access. It is shown this once."`
}

type deletionJSON struct {
	TenantID  string   `json:"tenant_id"`
	Status    string   `json:"status" enum:"deleted" doc:"Nothing of the tenant can be read from now on; what is left of it is being removed."`
	DeletedAt instant  `json:"deleted_at"`
	Keys      []string `json:"keys" doc:"The keys that opened the tenant's data, provider:tenant/version each. Its data keys are destroyed; a transit key of the tenant's own is named too, and is the tenant's to destroy."`
	Signature *string  `json:"signature" doc:"The deployment's signature over the receipt; null where it signs none."`
}

type usageJSON struct {
	Users         usersUsageJSON         `json:"users"`
	Conversations conversationsUsageJSON `json:"conversations"`
	Interactions  interactionsUsageJSON  `json:"interactions"`
	Blobs         blobsUsageJSON         `json:"blobs"`
	Rate          rateUsageJSON          `json:"rate"`
}

type usersUsageJSON struct {
	Used  int64 `json:"used"`
	Limit int64 `json:"limit"`
}

type conversationsUsageJSON struct {
	Used int64 `json:"used"`
}

type interactionsUsageJSON struct {
	Stored   int64 `json:"stored" doc:"All of them."`
	Buffered int64 `json:"buffered" doc:"Those of them that are not in a blob yet."`
}

type blobsUsageJSON struct {
	Count int64 `json:"count"`
	Bytes int64 `json:"bytes" doc:"Their sealed size."`
}

type rateUsageJSON struct {
	Limit     *int64 `json:"limit" doc:"Requests a minute; null where there is no limit, and then the others are too."`
	Remaining *int64 `json:"remaining" doc:"Requests that could be made at once, after this one."`
	Reset     *int64 `json:"reset" doc:"Seconds until all of the limit is there again."`
}

type encryptionJSON struct {
	Mode         string           `json:"mode" enum:"platform,tenant"`
	Provider     string           `json:"provider" doc:"What wraps the data keys."`
	KeyVersion   int64            `json:"key_version" doc:"The data key that new writes are sealed under."`
	KeyCreatedAt instant          `json:"key_created_at"`
	ReEncryption reEncryptionJSON `json:"re_encryption"`
}

type reEncryptionJSON struct {
	State string `json:"state" enum:"idle,running,failed" doc:"Of bringing what is stored under the newest data key; what failed is tried again."`
	Done  int64  `json:"done" doc:"Records that are; total, when idle."`
	Total int64  `json:"total"`
}

func (p *settingsPatchJSON) patch() tenancy.SettingsPatch {
	if p == nil {
		return tenancy.SettingsPatch{}
	}
	return tenancy.SettingsPatch{
		RetentionDays: p.RetentionDays.patch(), MaxUsers: p.MaxUsers.patch(),
		MaxConversationsPerUser: p.MaxConversationsPerUser.patch(), BatchSize: p.BatchSize.patch(),
		EncryptionMode: p.EncryptionMode.patch(), WebhookURL: p.WebhookURL.patch(),
		RateLimitPerMinute: p.RateLimitPerMinute.patch(), AuditReads: p.AuditReads.patch(),
	}
}

func tenantToJSON(t core.Tenant) tenantJSON {
	s := t.Settings
	return tenantJSON{
		ID: string(t.ID), Name: t.Name, Email: t.Email,
		Settings: settingsJSON{
			RetentionDays: s.RetentionDays, MaxUsers: s.MaxUsers,
			MaxConversationsPerUser: s.MaxConversationsPerUser, BatchSize: s.BatchSize,
			EncryptionMode: string(s.EncryptionMode), WebhookURL: orNil(s.WebhookURL),
			RateLimitPerMinute: s.RateLimitPerMinute, AuditReads: s.AuditReads,
		},
		CreatedAt: instant(t.CreatedAt), UpdatedAt: instant(t.UpdatedAt),
	}
}

func (s *Server) registerTenant(r *request, in registrationJSON) (answer, error) {
	tenant, key, err := s.Tenancy.Register(r.ctx, r.op, tenancy.Registration{
		Name: in.Name, Email: in.Email, Settings: in.Settings.patch(),
	})
	out := registeredJSON{Tenant: tenantToJSON(tenant), APIKey: issuedToJSON(key)}
	kept := out
	kept.APIKey.Key = ""
	return answer{status: http.StatusCreated, body: out, kept: kept}, err
}

func (s *Server) getTenant(r *request) (answer, error) {
	t, err := s.Tenancy.Tenant(r.ctx, r.caller)
	return tenantAnswer(t), err
}

func (s *Server) patchTenant(r *request, in tenantPatchJSON) (answer, error) {
	patch := tenancy.TenantPatch{Name: in.Name.patch(), Settings: in.Settings.patch()}
	t, err := whenMatch(r, func(ifVersion int64) (core.Tenant, error) {
		return s.Tenancy.UpdateTenant(r.ctx, r.caller, patch, ifVersion)
	})
	return tenantAnswer(t), err
}

func tenantAnswer(t core.Tenant) answer {
	return answer{status: http.StatusOK, body: tenantToJSON(t), etag: versionTag(t.Version)}
}

func (s *Server) deleteTenant(r *request) (answer, error) {
	confirm, _ := r.query.text("confirm")
	d, err := s.Tenancy.DeleteTenant(r.ctx, r.caller, confirm)
	return answer{status: http.StatusAccepted, body: deletionJSON{
		TenantID: string(d.Tenant), Status: "deleted", DeletedAt: instant(d.DeletedAt), Keys: d.Keys, Signature: orNil(d.Signature),
	}}, err
}

func (s *Server) getUsage(r *request) (answer, error) {
	u, err := s.Tenancy.Usage(r.ctx, r.caller)
	out := usageJSON{
		Users:         usersUsageJSON{Used: u.Users, Limit: r.caller.Settings.MaxUsers},
		Conversations: conversationsUsageJSON{Used: u.Conversations},
		Interactions:  interactionsUsageJSON{Stored: u.Interactions, Buffered: u.Buffered},
		Blobs:         blobsUsageJSON{Count: u.Blobs, Bytes: u.BlobBytes},
	}
	if r.limit.Limited {
		reset := ceilSeconds(r.limit.Reset)
		out.Rate = rateUsageJSON{Limit: &r.limit.Limit, Remaining: &r.limit.Remaining, Reset: &reset}
	}
	return answer{status: http.StatusOK, body: out}, err
}

func (s *Server) getEncryption(r *request) (answer, error) {
	e, err := s.Sealing.Status(r.ctx, r.caller.Tenant, r.caller.Settings.EncryptionMode)
	return answer{status: http.StatusOK, body: encryptionToJSON(e)}, err
}

func (s *Server) rotateEncryption(r *request, _ noBody) (answer, error) {
	e, err := s.Sealing.Rotate(r.ctx, r.caller, r.op)
	return answer{status: http.StatusAccepted, body: encryptionToJSON(e)}, err
}

func encryptionToJSON(e core.Encryption) encryptionJSON {
	return encryptionJSON{
		Mode: string(e.Mode), Provider: e.Provider, KeyVersion: int64(e.KeyVersion), KeyCreatedAt: instant(e.KeyCreatedAt),
		ReEncryption: reEncryptionJSON{State: string(e.Reencryption.State), Done: e.Reencryption.Done, Total: e.Reencryption.Total},
	}
}
