package config_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/raven-memory/raven/config"
)

func TestLoopbackIsWhatOnlyThisMachineReaches(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:3000": true, "127.255.0.9:1": true, "[::1]:0": true, "localhost:3000": true, "[::ffff:127.0.0.1]:1": true,
		":3000": false, "0.0.0.0:3000": false, "[::]:3000": false, "10.0.0.1:3000": false,
		"localhost.example.com:3000": false, "128.0.0.1:3000": false, "example.com:3000": false,
	} {
		c := load(t, config.LoadOptions{Env: []string{"RAVEN_HTTP_ADDR=" + addr}})
		if c.Loopback() != want {
			t.Errorf("%s: loopback %v", addr, !want)
		}
		if open := c.Registration.Mode == config.RegistrationOpen; open != want {
			t.Errorf("%s: registration.mode %q", addr, c.Registration.Mode)
		}
	}
}

func TestAServerOthersCanReachNeedsARegistrationModeAndAKeyring(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := []string{"RAVEN_HTTP_ADDR=0.0.0.0:3000", "RAVEN_DATA_DIR=" + dir}
	list := refuse(t, config.LoadOptions{Env: env, Serve: true})
	if len(list) != 2 {
		t.Errorf("problems: %v", list)
	}
	mustBlame(t, list, "registration.mode", "", "open, token or closed")
	mustBlame(t, list, "keys.platform.keyring_file", "", filepath.Join(dir, "platform.keyring"), "raven keyring init")

	chosen := append(slices.Clone(env), "RAVEN_REGISTRATION_MODE=closed")
	mustBlame(t, refuse(t, config.LoadOptions{Env: chosen, Serve: true}), "keys.platform.keyring_file", "")
	load(t, config.LoadOptions{Env: append(slices.Clone(chosen), "RAVEN_KEYS_PLATFORM_KEYRING=1:abc"), Serve: true})
	file := write(t, "ring", "1:abc")
	load(t, config.LoadOptions{Env: append(slices.Clone(chosen), "RAVEN_KEYS_PLATFORM_KEYRING_FILE="+file), Serve: true})

	c := load(t, config.LoadOptions{Env: env}) // a command that makes the keyring
	if c.Registration.Mode != "" || c.ValidateServe() == nil || c.Validate() != nil {
		t.Errorf("mode %q, ValidateServe %v, Validate %v", c.Registration.Mode, c.ValidateServe(), c.Validate())
	}
}

func TestValuesThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env []string
		key string
	}{
		"certificate without key":   {[]string{"RAVEN_HTTP_TLS_CERT=a"}, "http.tls.key"},
		"key without certificate":   {[]string{"RAVEN_HTTP_TLS_KEY=a"}, "http.tls.cert"},
		"mode token without token":  {[]string{"RAVEN_REGISTRATION_MODE=token"}, "registration.token"},
		"token without mode":        {[]string{"RAVEN_REGISTRATION_TOKEN=0123456789abcdef"}, "registration.mode"},
		"default above the ceiling": {[]string{"RAVEN_TENANTS_CEILINGS_MAX_USERS=999"}, "tenants.defaults.max_users"},
		"conversations":             {[]string{"RAVEN_TENANTS_CEILINGS_MAX_CONVERSATIONS_PER_USER=1"}, "tenants.defaults.max_conversations_per_user"},
		"batch size":                {[]string{"RAVEN_TENANTS_DEFAULTS_BATCH_SIZE=20", "RAVEN_TENANTS_CEILINGS_BATCH_SIZE=19"}, "tenants.defaults.batch_size"},
		"retention":                 {[]string{"RAVEN_TENANTS_CEILINGS_RETENTION_DAYS=29"}, "tenants.defaults.retention_days"},
		"for ever above a ceiling":  {[]string{"RAVEN_TENANTS_CEILINGS_RETENTION_DAYS=30", "RAVEN_TENANTS_DEFAULTS_RETENTION_DAYS=0"}, "tenants.defaults.retention_days"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := refuse(t, config.LoadOptions{Env: c.env})
			if len(list) != 1 {
				t.Errorf("problems: %v", list)
			}
			mustBlame(t, list, c.key, "")
		})
	}
	load(t, config.LoadOptions{Env: []string{"RAVEN_TENANTS_CEILINGS_RETENTION_DAYS=30"}})
	load(t, config.LoadOptions{Env: []string{"RAVEN_TENANTS_DEFAULTS_RETENTION_DAYS=0"}})
}

func TestAKeyringGivenInTwoPlacesIsRefused(t *testing.T) {
	t.Parallel()
	list := refuse(t, config.LoadOptions{
		File: write(t, "raven.yaml", "keys.platform.keyring_file: a\n"),
		Env:  []string{"RAVEN_KEYS_PLATFORM_KEYRING=1:abc"},
	})
	mustBlame(t, list, "keys.platform.keyring", "", "keys.platform.keyring_file")
}

func TestABadValueIsNotBlamedTwice(t *testing.T) {
	t.Parallel()
	list := refuse(t, config.LoadOptions{Env: []string{"RAVEN_REGISTRATION_MODE=token", "RAVEN_REGISTRATION_TOKEN=short"}})
	if len(list) != 1 {
		t.Errorf("problems: %v", list)
	}
}
