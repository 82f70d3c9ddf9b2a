package tenancy

import (
	"fmt"

	"github.com/raven-memory/raven/core"
)

// Ceilings are the highest values that the operator lets tenants set.
type Ceilings struct {
	RetentionDays           int64 // 0: none, and tenants may keep for ever
	MaxUsers                int64
	MaxConversationsPerUser int64
	BatchSize               int64
	RateLimitPerMinute      int64 // 0: none
}

// SettingsPatch changes settings: what is left out stays, null goes back to
// the default.
type SettingsPatch struct {
	RetentionDays           core.Patch[int64]
	MaxUsers                core.Patch[int64]
	MaxConversationsPerUser core.Patch[int64]
	BatchSize               core.Patch[int64]
	EncryptionMode          core.Patch[string]
	WebhookURL              core.Patch[string]
	RateLimitPerMinute      core.Patch[int64]
	AuditReads              core.Patch[bool]
}

// apply gives the settings after the patch, or all that is wrong with it.
func (p SettingsPatch) apply(now core.Settings, opt Options) (core.Settings, []core.FieldError) {
	var bad []core.FieldError
	def, top := opt.Defaults, opt.Ceilings
	number := func(name string, to *int64, def int64, change core.Patch[int64], check func(int64) string) {
		switch {
		case !change.Set:
		case change.Value == nil:
			*to = def
		default:
			if msg := check(*change.Value); msg != "" {
				bad = append(bad, core.FieldError{Location: "settings." + name, Message: msg, Value: *change.Value})
				return
			}
			*to = *change.Value
		}
	}
	number("retention_days", &now.RetentionDays, def.RetentionDays, p.RetentionDays, retention(top.RetentionDays))
	number("max_users", &now.MaxUsers, def.MaxUsers, p.MaxUsers, between(0, top.MaxUsers))
	number("max_conversations_per_user", &now.MaxConversationsPerUser, def.MaxConversationsPerUser,
		p.MaxConversationsPerUser, between(0, top.MaxConversationsPerUser))
	number("batch_size", &now.BatchSize, def.BatchSize, p.BatchSize, between(core.MinBatchSize, top.BatchSize))
	number("rate_limit_per_minute", &now.RateLimitPerMinute, def.RateLimitPerMinute, p.RateLimitPerMinute, rate(top.RateLimitPerMinute))
	if p.AuditReads.Set {
		now.AuditReads = p.AuditReads.Value != nil && *p.AuditReads.Value
	}
	text := func(name string, change core.Patch[string], shown bool, set func(string) string) {
		if !change.Set {
			return
		}
		value := ""
		if change.Value != nil {
			if value = *change.Value; value == "" {
				bad = append(bad, core.FieldError{Location: "settings." + name, Message: "must not be empty; set it to null for the default"})
				return
			}
		}
		if msg := set(value); msg != "" {
			wrong := core.FieldError{Location: "settings." + name, Message: msg}
			if shown {
				wrong.Value = value
			}
			bad = append(bad, wrong)
		}
	}
	text("encryption_mode", p.EncryptionMode, true, func(v string) string { return setMode(&now, v, opt) })
	text("webhook_url", p.WebhookURL, false, func(v string) string { return setWebhookURL(&now, v, opt.Webhooks) }) // it may hold a password
	return now, bad
}

func between(low, high int64) func(int64) string {
	return func(v int64) string {
		if v < low || v > high {
			return fmt.Sprintf("must be between %d and %d", low, high)
		}
		return ""
	}
}

func retention(ceiling int64) func(int64) string {
	if ceiling > 0 {
		return between(1, ceiling)
	}
	return func(v int64) string {
		if v < 0 || v > core.MaxRetentionDays {
			return fmt.Sprintf("must be between 1 and %d, or 0 to keep for ever", core.MaxRetentionDays)
		}
		return ""
	}
}

func rate(ceiling int64) func(int64) string {
	if ceiling == 0 {
		return between(0, core.MaxRatePerMinute)
	}
	return between(1, ceiling)
}

func setMode(to *core.Settings, mode string, opt Options) string {
	switch core.EncryptionMode(mode) {
	case "":
		to.EncryptionMode = opt.Defaults.EncryptionMode
	case core.EncryptionPlatform:
		to.EncryptionMode = core.EncryptionPlatform
	case core.EncryptionTenant:
		if !opt.TenantKeys {
			return `must be "platform": this deployment has no provider for keys of tenants' own`
		}
		to.EncryptionMode = core.EncryptionTenant
	default:
		return `must be "platform" or "tenant"`
	}
	return ""
}
