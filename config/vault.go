package config

import (
	"net/url"
	"strings"
	"time"
)

// Who can hold wrapping keys.
const (
	KeysLocal = "local" // a keyring of the operator's; for the platform only
	KeysVault = "vault"
	KeysNone  = "none" // nobody; for tenants only
)

// The ways to log in to Vault.
const (
	VaultToken      = "token"
	VaultAppRole    = "approle"
	VaultKubernetes = "kubernetes"
)

// Vault says which Vault it is, how to log in, and what its keys are called.
type Vault struct {
	Addr           string
	Auth           VaultAuth
	Mount          string // of the transit engine
	Namespace      string // "" for none
	CAFile         string
	KeyTemplate    string // of a tenant's key's name; holds tenantIDMark once
	PlatformKey    string
	Provision      bool // create a tenant's key that is missing
	ProvisionToken Secret
	Timeout        time.Duration // of one request
}

// VaultAuth is how to log in: Method says which of the others count.
type VaultAuth struct {
	Method   string
	Token    Secret
	RoleID   string
	SecretID Secret
	Role     string
}

const tenantIDMark = "{tenant_id}"

func (c *Config) vaultKeys() []Key {
	v := &c.Keys.Vault
	return []Key{
		{"keys.rotate_after", "0s",
			"The age at which a data key is replaced by itself and what it seals re-encrypted. 0: only when a tenant asks.",
			duration(&c.Keys.RotateAfter, 0, 10*365*24*time.Hour)},
		{"keys.vault.addr", "",
			"The Vault whose transit keys wrap data keys, as an URL. Off this machine it ought to be https.",
			webAddress(&v.Addr)},
		{"keys.vault.auth.method", VaultToken,
			"How to log in to Vault.",
			choice(&v.Auth.Method, []string{VaultToken, VaultAppRole, VaultKubernetes})},
		{"keys.vault.auth.token", "",
			"The token to log in with by method `token`; renewed while it can be.",
			secret(&v.Auth.Token, "visible ASCII characters", isVisible)},
		{"keys.vault.auth.role_id", "",
			"The role's id to log in with by method `approle`.",
			name(&v.Auth.RoleID)},
		{"keys.vault.auth.secret_id", "",
			"The secret id to log in with by method `approle`.",
			secret(&v.Auth.SecretID, "visible ASCII characters", isVisible)},
		{"keys.vault.auth.role", "",
			"The role to log in as by method `kubernetes`, with the pod's service account.",
			name(&v.Auth.Role)},
		{"keys.vault.mount", "transit",
			"Where the transit engine is mounted.",
			vaultPath(&v.Mount, false)},
		{"keys.vault.namespace", "",
			"The namespace that everything is in. None: the root.",
			vaultPath(&v.Namespace, true)},
		{"keys.vault.ca_file", "",
			"PEM file of the authorities that may have signed Vault's certificate. None: the system's.",
			path(&v.CAFile, true)},
		{"keys.vault.key_template", "raven-" + tenantIDMark,
			"The name of a tenant's transit key.",
			keyTemplate(&v.KeyTemplate)},
		{"keys.vault.platform_key", "raven-platform",
			"The name of the transit key that wraps in encryption mode `platform`, where `keys.platform.provider` is `vault`.",
			vaultName(&v.PlatformKey)},
		{"keys.vault.provision", "false",
			"Make a tenant's transit key when it is missing. Without it, who runs the Vault makes it first.",
			boolean(&v.Provision)},
		{"keys.vault.provision_token", "",
			"The token to make transit keys with. It is used for nothing else.",
			secret(&v.ProvisionToken, "visible ASCII characters", isVisible)},
		{"keys.vault.timeout", "2s",
			"The longest that one request to Vault may take.",
			duration(&v.Timeout, 100*time.Millisecond, time.Minute)},
	}
}

func isVisible(text string) bool {
	return len(text) <= maxSecretBytes && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func webAddress(target *string) value {
	const allowed = "an http:// or https:// URL without a path, or empty for none"
	return checked(target, allowed, func(text string) bool {
		if text == "" {
			return true
		}
		u, err := url.Parse(text)
		return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" &&
			u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
	})
}

// checked is a text that a check lets through.
func checked(target *string, allowed string, check func(string) bool) value {
	parse := func(text string) (string, error) {
		if !check(text) {
			return "", refused(text, allowed)
		}
		return text, nil
	}
	return field(target, allowed, parse, func(s string) string { return s })
}

func name(target *string) value {
	return checked(target, "up to 512 visible ASCII characters, or empty for none", func(text string) bool {
		return len(text) <= 512 && isVisible(text)
	})
}

// isVaultName keeps to what cannot leave its place in a path.
func isVaultName(text string) bool {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.'
	}
	return text != "" && len(text) <= 100 && strings.Trim(text, ".") != "" &&
		!strings.ContainsFunc(text, func(r rune) bool { return !plain(r) })
}

func vaultName(target *string) value {
	return checked(target, "letters, digits and - _ .", isVaultName)
}

func vaultPath(target *string, optional bool) value {
	allowed := "names of letters, digits and - _ . with / between them"
	if optional {
		allowed += ", or empty for none"
	}
	return checked(target, allowed, func(text string) bool {
		if text == "" {
			return optional
		}
		for part := range strings.SplitSeq(text, "/") {
			if !isVaultName(part) {
				return false
			}
		}
		return true
	})
}

func keyTemplate(target *string) value {
	const allowed = "letters, digits and - _ . with " + tenantIDMark + " once"
	return checked(target, allowed, func(text string) bool {
		return strings.Count(text, tenantIDMark) == 1 && isVaultName(strings.Replace(text, tenantIDMark, "x", 1))
	})
}

// usesVault reports whether anybody's keys are in Vault.
func (k Keys) usesVault() bool {
	return k.Platform.Provider == KeysVault || k.Tenant.Provider == KeysVault
}

func (k Keys) validate(l *problems) {
	v := k.Vault
	if !k.usesVault() {
		if v.Addr != "" {
			l.addCombination("keys.vault.addr", "is set, but neither keys.platform.provider nor keys.tenant.provider is vault")
		}
		return
	}
	need := func(set bool, key, why string) {
		if !set {
			l.addCombination(key, "is missing; %s needs it", why)
		}
	}
	need(v.Addr != "", "keys.vault.addr", "a provider of keys that is vault")
	method := "keys.vault.auth.method " + v.Auth.Method
	switch v.Auth.Method {
	case VaultToken:
		need(v.Auth.Token != "", "keys.vault.auth.token", method)
	case VaultAppRole:
		need(v.Auth.RoleID != "", "keys.vault.auth.role_id", method)
		need(v.Auth.SecretID != "", "keys.vault.auth.secret_id", method)
	case VaultKubernetes:
		need(v.Auth.Role != "", "keys.vault.auth.role", method)
	default:
	}
	if v.Provision {
		need(v.ProvisionToken != "", "keys.vault.provision_token", "keys.vault.provision")
	} else if v.ProvisionToken != "" {
		l.addCombination("keys.vault.provision_token", "is set, but keys.vault.provision is false")
	}
}
