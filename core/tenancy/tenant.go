package tenancy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/raven-memory/raven/core"
)

// profile is the sealed part of a tenant.
type profile struct {
	Name       string       `json:"name"`
	Email      string       `json:"email"`
	WebhookURL string       `json:"webhook_url,omitempty"`
	Webhook    webhookState `json:"webhook,omitzero"`
}

// Registration is what a new tenant says of itself.
type Registration struct {
	Name     string
	Email    string
	Settings SettingsPatch
}

// Register makes a tenant with its data keys and its first API key, which has
// full access. The key is zero when an earlier run of the same operation made
// the tenant: only that run's answer had it. CodeEmailTaken.
func (s *Service) Register(ctx context.Context, op core.Op, r Registration) (core.Tenant, core.IssuedKey, error) {
	settings, bad := r.check(s.opt)
	if len(bad) > 0 {
		return core.Tenant{}, core.IssuedKey{}, core.InvalidFields(bad)
	}
	t, key, err := s.newTenant(ctx, r, settings)
	if err != nil {
		return core.Tenant{}, core.IssuedKey{}, err
	}
	made := t.Record.ID
	record, err := s.Store.CreateTenant(ctx, op, t)
	if err != nil {
		return core.Tenant{}, core.IssuedKey{}, err
	}
	if record.ID != made {
		key = core.IssuedKey{}
	}
	tenant, err := s.openTenant(ctx, record)
	return tenant, key, err
}

func (r Registration) check(opt Options) (core.Settings, []core.FieldError) {
	var bad []core.FieldError
	if msg := core.CheckName(r.Name); msg != "" {
		bad = append(bad, core.FieldError{Location: "name", Message: msg})
	}
	if msg := checkEmail(r.Email); msg != "" {
		bad = append(bad, core.FieldError{Location: "email", Message: msg})
	}
	settings, wrong := r.Settings.apply(opt.Defaults, opt)
	return settings, append(bad, wrong...)
}

// checkEmail refuses what is plainly no address; only a letter sent there
// proves one.
func checkEmail(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !utf8.ValidString(s):
		return "must be valid UTF-8"
	case !ok || local == "" || domain == "" || strings.Contains(domain, "@"):
		return "must be an email address"
	case len(s) > core.MaxEmail:
		return fmt.Sprintf("must not be longer than %d bytes", core.MaxEmail)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }):
		return "must not contain spaces or control characters"
	case strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.Contains(domain, ".."):
		return "must be an email address"
	}
	return ""
}

func (s *Service) newTenant(ctx context.Context, r Registration, settings core.Settings) (core.NewTenant, core.IssuedKey, error) {
	now := s.Clock.Now()
	id := s.IDs.Tenant()
	emailKey, err := s.lookUp(ctx, core.DeploymentTenant, "email", s.opt.FoldEmail(r.Email))
	if err != nil {
		return core.NewTenant{}, core.IssuedKey{}, err
	}
	dataKeys, err := s.Seal.NewTenantKeys(ctx, id, settings.EncryptionMode)
	if core.Is(err, core.CodeKeyUnavailable) && settings.EncryptionMode == core.EncryptionTenant {
		return core.NewTenant{}, core.IssuedKey{}, noKeyYet()
	}
	if err != nil {
		return core.NewTenant{}, core.IssuedKey{}, err
	}
	record, key, err := s.Keys.Make(ctx, id, core.NewKey{Name: "first key", Scopes: core.FullAccess})
	if err != nil {
		return core.NewTenant{}, core.IssuedKey{}, err
	}
	sealed, err := s.sealProfile(ctx, id, 1, profile{Name: r.Name, Email: r.Email, WebhookURL: settings.WebhookURL})
	if err != nil {
		return core.NewTenant{}, core.IssuedKey{}, err
	}
	settings.WebhookURL = ""
	return core.NewTenant{
		Record:   core.TenantRecord{ID: id, Profile: sealed, Settings: settings, Version: 1, CreatedAt: now, UpdatedAt: now},
		EmailKey: emailKey,
		DataKeys: dataKeys,
		Key:      record,
		Events: []core.Event{
			s.event(id, core.Actor{}, core.EventTenantCreated, core.EventData{"tenant_id": string(id)}),
			s.event(id, core.Actor{}, core.EventKeyCreated, core.EventData{"key_id": string(record.ID), "scopes": record.Scopes.String()}),
		},
	}, key, nil
}

// noKeyYet refuses a registration whose key is named by an id that nobody knew:
// no repetition of it could succeed.
func noKeyYet() error {
	return core.Invalid("settings.encryption_mode", `must be "platform" at registration, because the tenant's own key is named by the tenant's id: `+
		`register, make the key, then change the mode`, string(core.EncryptionTenant))
}

// Tenant returns the caller's.
func (s *Service) Tenant(ctx context.Context, caller core.Caller) (core.Tenant, error) {
	record, err := s.Store.Tenant(ctx, caller.Tenant)
	if err != nil {
		return core.Tenant{}, err
	}
	return s.openTenant(ctx, record)
}

// TenantPatch changes a tenant.
type TenantPatch struct {
	Name     core.Patch[string]
	Settings SettingsPatch
}

// UpdateTenant changes the caller's tenant. ifVersion is the version it must
// have, 0 for any: CodePreconditionFailed.
func (s *Service) UpdateTenant(ctx context.Context, caller core.Caller, patch TenantPatch, ifVersion int64) (core.Tenant, error) {
	for range maxTries {
		tenant, err := s.tryUpdateTenant(ctx, caller, patch, ifVersion)
		if !core.Is(err, core.CodeVersionConflict) {
			return tenant, err
		}
	}
	return core.Tenant{}, conflict()
}

func (s *Service) tryUpdateTenant(ctx context.Context, caller core.Caller, patch TenantPatch, ifVersion int64) (core.Tenant, error) {
	record, err := s.Store.Tenant(ctx, caller.Tenant)
	if err != nil {
		return core.Tenant{}, err
	}
	p, err := s.openProfile(ctx, record)
	if err != nil {
		return core.Tenant{}, err
	}
	now := tenantOf(record, p)
	if err := checkVersion(now.Version, ifVersion); err != nil {
		return core.Tenant{}, err
	}
	enables := p.Webhook.Disabled && patch.Settings.WebhookURL.Set // also with the URL it has
	name, settings, err := patch.apply(now, s.opt)
	if err != nil || name == now.Name && settings == now.Settings && !enables {
		return now, err
	}
	p.Name, p.WebhookURL, p.Webhook.Disabled = name, settings.WebhookURL, p.Webhook.Disabled && !enables
	sealed, err := s.sealProfile(ctx, now.ID, now.Version+1, p)
	if err != nil {
		return core.Tenant{}, err
	}
	settings.WebhookURL = ""
	update := core.TenantUpdate{
		Profile: sealed, Settings: settings, SuspendedAt: now.SuspendedAt, IfVersion: now.Version, At: s.Clock.Now(),
		Event: s.event(now.ID, caller.Actor(), core.EventSettingsUpdated, core.EventData{"version": now.Version + 1}),
	}
	if settings.EncryptionMode != now.Settings.EncryptionMode {
		if update.Key, err = s.Seal.ChangeMode(ctx, caller, settings.EncryptionMode); err != nil {
			return core.Tenant{}, err
		}
	}
	defer s.Forget.ForgetSettings(now.ID)
	record, err = s.Store.UpdateTenant(ctx, now.ID, core.Op{}, update)
	if update.Key != nil {
		s.Seal.Changed(now.ID) // also when it is not known whether it is
	}
	if err != nil {
		return core.Tenant{}, err
	}
	return s.openTenant(ctx, record)
}

func (p TenantPatch) apply(now core.Tenant, opt Options) (string, core.Settings, error) {
	var bad []core.FieldError
	if p.Name.Set {
		if p.Name.Value == nil {
			bad = append(bad, core.FieldError{Location: "name", Message: "must not be null"})
		} else if msg := core.CheckName(*p.Name.Value); msg != "" {
			bad = append(bad, core.FieldError{Location: "name", Message: msg})
		} else {
			now.Name = *p.Name.Value
		}
	}
	settings, wrong := p.Settings.apply(now.Settings, opt)
	if bad = append(bad, wrong...); len(bad) > 0 {
		return "", core.Settings{}, core.InvalidFields(bad)
	}
	return now.Name, settings, nil
}

// Deletion is the receipt of a tenant's deletion.
type Deletion struct {
	Tenant    core.TenantID
	DeletedAt time.Time
	Keys      []string // what opened the data: data keys, which are destroyed, and the tenant's own key
	Signature string   // of Receipt; "" where nobody signs
}

// Receipt is the text that is signed: lines of what, tenant, time (RFC 3339, UTC,
// milliseconds), then a line a key.
func (d Deletion) Receipt() []byte {
	lines := []string{"raven/deletion/v1", string(d.Tenant), d.DeletedAt.UTC().Format("2006-01-02T15:04:05.000Z")}
	return []byte(strings.Join(append(lines, d.Keys...), "\n") + "\n")
}

// DeleteTenant destroys the caller's tenant: its data keys first, so that
// nothing of it can be read from the return on, then, by Purge, the data.
// confirm must be the tenant's id.
func (s *Service) DeleteTenant(ctx context.Context, caller core.Caller, confirm string) (Deletion, error) {
	if confirm != string(caller.Tenant) {
		return Deletion{}, core.Invalid("confirm", "must be the id of the tenant to delete", nil)
	}
	event := s.event(caller.Tenant, caller.Actor(), core.EventTenantDeleted, core.EventData{"tenant_id": string(caller.Tenant)})
	names, err := s.Seal.KeyNames(ctx, caller.Tenant)
	if err != nil {
		return Deletion{}, err
	}
	event.Webhook = s.lastWebhook(ctx, event)
	if err := s.Store.DeleteTenant(ctx, caller.Tenant, core.Op{}, event); err != nil {
		return Deletion{}, err
	}
	s.Forget.Forget(caller.Tenant)
	d := Deletion{Tenant: caller.Tenant, DeletedAt: event.At, Keys: names}
	if s.Sign != nil {
		d.Signature, _ = s.Sign.Sign(ctx, d.Receipt()) // the tenant is gone either way
	}
	return d, nil
}

// Purge removes what deleted tenants left, step by step, until nothing is left
// or ctx is done.
func (s *Service) Purge(ctx context.Context) error {
	const rows = 2000
	for {
		done, err := s.Store.PurgeTenants(ctx, rows)
		if err != nil || done {
			return err
		}
	}
}

// Usage counts what the caller's tenant has.
func (s *Service) Usage(ctx context.Context, caller core.Caller) (core.Usage, error) {
	return s.Store.Usage(ctx, caller.Tenant)
}

func (s *Service) sealProfile(ctx context.Context, id core.TenantID, version int64, p profile) ([]byte, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return s.Seal.Seal(ctx, core.TenantPlace(id, version), plain)
}

func (s *Service) openProfile(ctx context.Context, r core.TenantRecord) (profile, error) {
	var p profile
	plain, err := s.Seal.Open(ctx, core.TenantPlace(r.ID, r.Version), r.Profile)
	if err == nil {
		err = json.Unmarshal(plain, &p)
	}
	return p, err
}

func (s *Service) openTenant(ctx context.Context, r core.TenantRecord) (core.Tenant, error) {
	p, err := s.openProfile(ctx, r)
	if err != nil {
		return core.Tenant{}, err
	}
	return tenantOf(r, p), nil
}

func tenantOf(r core.TenantRecord, p profile) core.Tenant {
	settings := r.Settings
	settings.WebhookURL = p.WebhookURL
	return core.Tenant{
		ID: r.ID, Name: p.Name, Email: p.Email, Settings: settings,
		Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, SuspendedAt: r.SuspendedAt,
	}
}

func checkVersion(have, want int64) error {
	if want == 0 || have == want {
		return nil
	}
	return core.NewError(core.CodePreconditionFailed, "It was changed since: If-Match names another version than the one there is. Read it again.")
}

func conflict() error {
	return core.NewError(core.CodeVersionConflict, "Others changed the same thing at the same time. Try again.")
}
