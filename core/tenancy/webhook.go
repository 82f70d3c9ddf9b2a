package tenancy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/raven-memory/raven/core"
)

const (
	// secretOverlap is how long a webhook's secret signs along once there is a
	// newer one.
	secretOverlap = 24 * time.Hour
	// maxSecrets bounds how many sign at once; past it the oldest goes early.
	maxSecrets = 8
)

// WebhookRules are the operator's, of where a tenant's URL may lead.
type WebhookRules struct {
	AllowNetworks []netip.Prefix // allowed although they are not public
	AllowHTTP     bool           // plain HTTP into AllowNetworks
}

// allows reports whether a request may go to an address.
func (r WebhookRules) allows(scheme string, addr netip.Addr) bool {
	inside := slices.ContainsFunc(r.AllowNetworks, func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) })
	return inside || scheme == "https" && core.PublicAddress(addr)
}

// check refuses what can be seen to be wrong from the text alone; where a name
// leads is checked when connecting.
func (r WebhookRules) check(raw string) string {
	if len(raw) > core.MaxURLBytes {
		return fmt.Sprintf("must not be longer than %d bytes", core.MaxURLBytes)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "":
		return "must be an https URL"
	case u.Scheme != "https" && (u.Scheme != "http" || !r.AllowHTTP):
		return "must begin with https://"
	case u.User != nil:
		return "must not hold a user name or password"
	case u.Fragment != "":
		return "must not have a fragment"
	case !validPort(u.Port()) || strings.HasSuffix(u.Host, ":"):
		return "must have a port between 1 and 65535, or none"
	}
	return r.checkHost(u.Scheme, u.Hostname())
}

func (r WebhookRules) checkHost(scheme, host string) string {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil && looksNumeric(host):
		return "must have a name or an IP address as its host"
	case err != nil || r.allows(scheme, addr) && addr.Zone() == "":
		return ""
	case core.PublicAddress(addr):
		return "must begin with https://"
	default:
		return "must not lead to a private, loopback or otherwise special address"
	}
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// looksNumeric finds hosts that are no names but what some programs take for an
// IPv4 address: 2130706433, 0x7f000001, 0177.0.0.1.
func looksNumeric(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.Trim(last, "0123456789") == ""
}

func setWebhookURL(to *core.Settings, raw string, rules WebhookRules) string {
	if raw != "" {
		if msg := rules.check(raw); msg != "" {
			return msg
		}
	}
	to.WebhookURL = raw
	return ""
}

// webhookState is what a profile holds of a webhook beside its URL.
type webhookState struct {
	Disabled bool            `json:"disabled,omitempty"`
	Secrets  []webhookSecret `json:"secrets,omitempty"` // newest first
}

type webhookSecret struct {
	Secret []byte    `json:"secret"`
	Until  time.Time `json:"until,omitzero"`
}

// add makes secret the newest at a time.
func (h *webhookState) add(secret []byte, at time.Time) {
	kept := []webhookSecret{{Secret: secret}}
	for _, old := range h.Secrets {
		if old.Until.IsZero() {
			old.Until = at.Add(secretOverlap)
		}
		if old.Until.After(at) && len(kept) < maxSecrets {
			kept = append(kept, old)
		}
	}
	h.Secrets = kept
}

func (p profile) webhook() core.Webhook {
	w := core.Webhook{URL: p.WebhookURL, Disabled: p.Webhook.Disabled}
	for _, s := range p.Webhook.Secrets {
		w.Secrets = append(w.Secrets, core.WebhookSecret{Secret: s.Secret, Until: s.Until})
	}
	return w
}

// Webhook returns a tenant's.
func (s *Service) Webhook(ctx context.Context, tenant core.TenantID) (core.Webhook, error) {
	record, err := s.Store.Tenant(ctx, tenant)
	if err != nil {
		return core.Webhook{}, err
	}
	p, err := s.openProfile(ctx, record)
	return p.webhook(), err
}

// formerWebhook is a deleted tenant's webhook before it is sealed.
type formerWebhook struct {
	URL     string          `json:"url"`
	Secrets []webhookSecret `json:"secrets"`
}

// lastWebhook seals the tenant's webhook so that it can be told of its deletion;
// nil where there is none. It is no reason for a tenant not to be deleted that
// nobody can be told.
func (s *Service) lastWebhook(ctx context.Context, event core.Event) []byte {
	record, err := s.Store.Tenant(ctx, event.Tenant)
	if err != nil {
		return nil
	}
	p, err := s.openProfile(ctx, record)
	if err != nil || p.WebhookURL == "" || p.Webhook.Disabled || len(p.Webhook.Secrets) == 0 {
		return nil
	}
	plain, err := json.Marshal(formerWebhook{p.WebhookURL, p.Webhook.Secrets})
	if err != nil {
		return nil
	}
	sealed, err := s.Seal.Seal(ctx, core.WebhookPlace(event.Tenant, event.ID), plain)
	if err != nil {
		return nil
	}
	return sealed
}

// FormerWebhook opens what the event that a tenant was deleted has of its webhook.
func (s *Service) FormerWebhook(ctx context.Context, tenant core.TenantID, event core.EventID, sealed []byte) (core.Webhook, error) {
	plain, err := s.Seal.Open(ctx, core.WebhookPlace(tenant, event), sealed)
	if err != nil {
		return core.Webhook{}, err
	}
	var f formerWebhook
	err = json.Unmarshal(plain, &f)
	return profile{WebhookURL: f.URL, Webhook: webhookState{Secrets: f.Secrets}}.webhook(), err
}

// AddWebhookSecret makes secret the one that signs, and lets those before sign
// along for a day. What it returns has another newest secret when an earlier run
// of the same operation added one.
func (s *Service) AddWebhookSecret(ctx context.Context, caller core.Caller, op core.Op, secret []byte) (core.Webhook, error) {
	p, err := s.changeProfile(ctx, caller.Tenant, caller.Actor(), op, "webhook_secret", func(p *profile) bool {
		p.Webhook.add(secret, s.Clock.Now())
		return true
	})
	return p.webhook(), err
}

// DisableWebhook ends deliveries to a tenant's webhook until its URL is set
// again, if it is still this one.
func (s *Service) DisableWebhook(ctx context.Context, tenant core.TenantID, url string) error {
	_, err := s.changeProfile(ctx, tenant, core.Actor{}, core.Op{}, "webhook_disabled", func(p *profile) bool {
		changes := p.WebhookURL == url && !p.Webhook.Disabled
		p.Webhook.Disabled = p.Webhook.Disabled || changes
		return changes
	})
	return err
}

// changeProfile changes what a tenant does not set as a setting; changed names
// it in the event. change reports whether it changed anything.
func (s *Service) changeProfile(
	ctx context.Context, tenant core.TenantID, actor core.Actor, op core.Op, changed string, change func(*profile) bool,
) (profile, error) {
	for range maxTries {
		p, err := s.tryChangeProfile(ctx, tenant, actor, op, changed, change)
		if !core.Is(err, core.CodeVersionConflict) {
			return p, err
		}
	}
	return profile{}, conflict()
}

func (s *Service) tryChangeProfile(
	ctx context.Context, tenant core.TenantID, actor core.Actor, op core.Op, changed string, change func(*profile) bool,
) (profile, error) {
	record, err := s.Store.Tenant(ctx, tenant)
	if err != nil {
		return profile{}, err
	}
	p, err := s.openProfile(ctx, record)
	if err != nil || !change(&p) {
		return p, err
	}
	next := record.Version + 1
	sealed, err := s.sealProfile(ctx, tenant, next, p)
	if err != nil {
		return profile{}, err
	}
	record, err = s.Store.UpdateTenant(ctx, tenant, op, core.TenantUpdate{
		Profile: sealed, Settings: record.Settings, SuspendedAt: record.SuspendedAt, IfVersion: record.Version, At: s.Clock.Now(),
		Event: s.event(tenant, actor, core.EventSettingsUpdated, core.EventData{"version": next, "changed": changed}),
	})
	if err != nil {
		return profile{}, err
	}
	return s.openProfile(ctx, record)
}
