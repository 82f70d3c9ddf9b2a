package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/config"
)

const canary = "canary-3c1f-canary-3c1f"

func mustHide(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "canary") {
		t.Errorf("the secret shows in %q", text)
	}
}

func TestASecretShowsNowhere(t *testing.T) {
	t.Parallel()
	c := load(t, config.LoadOptions{Env: []string{"RAVEN_REGISTRATION_TOKEN=" + canary, "RAVEN_REGISTRATION_MODE=token"}})
	if c.Registration.Token.Reveal() != canary {
		t.Fatal("the token was not read")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		mustHide(t, fmt.Sprintf(verb, c.Registration.Token))
		mustHide(t, fmt.Sprintf(verb, c.Registration))
		mustHide(t, fmt.Sprintf(verb, &c))
	}
	if asJSON, err := json.Marshal(c); err != nil {
		t.Error(err)
	} else {
		mustHide(t, string(asJSON))
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "config", c, "token", c.Registration.Token)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "config", c, "token", c.Registration.Token)
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	mustHide(t, out.String())
	if !strings.Contains(out.String(), `token: "********" # env RAVEN_REGISTRATION_TOKEN`) {
		t.Errorf("the print does not say that the token is set: %s", out.String())
	}
}

func TestASecretFileIsReadWithoutItsTrailingNewline(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{"", "\n", "\r\n", "\n\n"} {
		c := load(t, config.LoadOptions{Env: []string{
			"RAVEN_REGISTRATION_MODE=token",
			"RAVEN_REGISTRATION_TOKEN_FILE=" + write(t, "token", canary+ending),
		}})
		if c.Registration.Token.Reveal() != canary {
			t.Errorf("with %q at the end, the token is %q", ending, c.Registration.Token.Reveal())
		}
	}
}

func TestASecretGivenTwiceIsRefused(t *testing.T) {
	t.Parallel()
	list := refuse(t, config.LoadOptions{Env: []string{
		"RAVEN_REGISTRATION_TOKEN=" + canary, "RAVEN_REGISTRATION_TOKEN_FILE=" + write(t, "token", canary),
		"RAVEN_REGISTRATION_MODE=token",
		"RAVEN_KEYS_PLATFORM_KEYRING=" + canary, "RAVEN_KEYS_PLATFORM_KEYRING_FILE=/etc/raven/keyring",
	}})
	mustBlame(t, list, "registration.token", "env", "RAVEN_REGISTRATION_TOKEN and RAVEN_REGISTRATION_TOKEN_FILE are both set")
	mustBlame(t, list, "keys.platform.keyring", "env", "both set")
	mustHide(t, (&config.Error{Problems: list}).Error())
}

func TestAKeyringsFileIsAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	c := load(t, config.LoadOptions{Env: []string{"RAVEN_KEYS_PLATFORM_KEYRING_FILE=/no/such/keyring"}})
	if c.Keys.Platform.KeyringFile != "/no/such/keyring" || c.Keys.Platform.Keyring != "" {
		t.Errorf("got %+v", c.Keys.Platform)
	}
}

func TestASecretFileThatIsOpenToAllOrNoneIsRefused(t *testing.T) {
	t.Parallel()
	open := write(t, "token", canary)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, message := range map[string]string{
		open:                               "open to every user of the machine (mode 0644)",
		write(t, "token", "\n"):            "empty",
		t.TempDir():                        "does not name a file",
		filepath.Join(t.TempDir(), canary): "can't be read",
		write(t, "token", strings.Repeat("x", 1<<17)): "larger than",
		write(t, "token", "canary"):                   "8 to 200 visible",
	} {
		list := refuse(t, config.LoadOptions{Env: []string{
			"RAVEN_REGISTRATION_MODE=token", "RAVEN_REGISTRATION_TOKEN_FILE=" + path,
		}})
		mustBlame(t, list, "registration.token", "env RAVEN_REGISTRATION_TOKEN_FILE", message)
		mustHide(t, (&config.Error{Problems: list}).Error())
	}
	closed := write(t, "token", canary)
	if err := os.Chmod(closed, 0o440); err != nil {
		t.Fatal(err)
	}
	load(t, config.LoadOptions{Env: []string{"RAVEN_REGISTRATION_MODE=token", "RAVEN_REGISTRATION_TOKEN_FILE=" + closed}})
}

func TestASecretIsNotTakenFromAFlag(t *testing.T) {
	t.Parallel()
	list := refuse(t, config.LoadOptions{Flags: map[string]string{"registration.token": canary}})
	mustBlame(t, list, "registration.token", "flag --registration.token", "RAVEN_REGISTRATION_TOKEN_FILE")
	mustHide(t, (&config.Error{Problems: list}).Error())
}

func TestErrorsNeverHoldASecretInTheWrongPlace(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"too short":           "registration.token: canary\n",
		"space left out":      "registration: {token:" + canary + "}\n",
		"space left out, too": "registration:\n  token:" + canary + "\n",
		"an alias":            "registration.token: *" + canary + "\n",
		"a tag":               "registration.token: !" + canary + "\n",
		"key misspelt":        "registration.tokn: " + canary + "\n",
		"broken":              "registration.token: \"" + canary + "\n",
		"a list":              "registration.token: [[" + canary + "]]\n",
		"a mapping":           "registration.token: {x: " + canary + "}\n",
		"control characters":  "registration.token: \"" + canary + "\\u0007\"\n",
	} {
		_, err := config.Load(config.LoadOptions{File: write(t, "raven.yaml", text)})
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		mustHide(t, err.Error())
	}
	list := refuse(t, config.LoadOptions{Env: []string{"RAVEN_REGISTRATION_TOKEN=canary", "RAVEN_REGISTRATION_TOKN=" + canary}})
	mustHide(t, (&config.Error{Problems: list}).Error())
}
