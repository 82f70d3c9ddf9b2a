package config

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// LoadOptions say where the configuration comes from. What comes later in the
// structure wins.
type LoadOptions struct {
	File  string            // a YAML file; "" for none
	Env   []string          // "NAME=value", as os.Environ gives it
	Flags map[string]string // key → value

	// Serve asks also for what only a server needs: see ValidateServe.
	Serve bool
}

const (
	envPrefix  = "RAVEN_"
	fileSuffix = "_FILE"

	keyringName = "platform.keyring"
)

// What a key's value can come from, besides a line of a file.
const (
	sourceDefault = "default"
	sourceFlag    = "flag --"
	sourceEnv     = "env "
)

// clientEnv are variables of commands that talk to a server; they configure
// none.
var clientEnv = []string{"RAVEN_URL", "RAVEN_API_KEY", "RAVEN_BACKUP_PASSPHRASE", "RAVEN_BACKUP_PASSPHRASE_FILE"}

// testEnvPrefix begins the variables that only tests read.
const testEnvPrefix = "RAVEN_TEST_"

// Load makes the effective configuration: defaults, then the file, the
// environment and the flags. The error is an *Error that lists all problems.
func Load(o LoadOptions) (Config, error) {
	l := newLoader()
	l.file(o.File)
	l.environment(o.Env)
	l.flags(o.Flags)
	l.config.derive()
	l.config.validate(&l.problems)
	if o.Serve {
		l.config.validateServe(&l.problems)
	}
	if err := l.problems.err(); err != nil {
		return Config{}, err
	}
	return *l.config, nil
}

type loader struct {
	config   *Config
	names    []string
	keys     map[string]Key
	problems problems
}

func newLoader() *loader {
	l := &loader{config: &Config{sources: map[string]string{}}, keys: map[string]Key{}}
	for _, k := range l.config.keys() {
		l.names = append(l.names, k.Name)
		l.keys[k.Name] = k
		if k.Default == "" {
			continue
		}
		if err := k.set(k.Default); err != nil {
			panic("config: the default of " + k.Name + " is not allowed: " + err.Error())
		}
	}
	return l
}

// set gives a key a value from source, or notes why not.
func (l *loader) set(name, source, text string) {
	k, ok := l.keys[name]
	if !ok {
		l.problems.add(shown(name), source, "there is no such key%s", nearest(name, l.names))
		return
	}
	if err := k.set(text); err != nil {
		l.problems.add(name, source, "%v", err)
		return
	}
	l.config.sources[name] = source
}

func (l *loader) flags(flags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		source := sourceFlag + name
		if k := l.keys[name]; k.secret {
			l.problems.add(name, source,
				"a secret is not taken from the command line, where every user of the machine sees it; use %s%s", k.Env(), fileSuffix)
			continue
		}
		l.set(name, source, flags[name])
	}
}

func (l *loader) environment(environ []string) {
	env := map[string]string{}
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok {
			env[name] = text
		}
	}
	known := l.variables()
	_, kubernetes := env["KUBERNETES_SERVICE_HOST"]
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !strings.HasPrefix(name, envPrefix) || isClients(name) {
			continue
		}
		if set, ok := known[name]; ok {
			set(env[name])
		} else if !kubernetes || !isServiceLink(name, env[name]) {
			l.problems.add(shown(name), "env", "there is no such variable%s", nearest(name, slices.Sorted(maps.Keys(known))))
		}
	}
	l.refuseBoth(env)
}

// variables are the names that may stand in the environment, each with what
// it does.
func (l *loader) variables() map[string]func(text string) {
	known := map[string]func(string){}
	for _, name := range l.names {
		k := l.keys[name]
		if k.secret {
			known[k.Env()+fileSuffix] = func(text string) { l.setFromFile(k, text) }
		}
	}
	for _, name := range l.names { // after: keyring_file is a key, and the twin of keyring
		k := l.keys[name]
		known[k.Env()] = func(text string) { l.set(name, sourceEnv+k.Env(), text) }
	}
	return known
}

func (l *loader) setFromFile(k Key, file string) {
	source := sourceEnv + k.Env() + fileSuffix
	text, err := readSecretFile(file)
	if err != nil {
		l.problems.add(k.Name, source, "%v", err)
		return
	}
	l.set(k.Name, source, text)
}

func (l *loader) refuseBoth(env map[string]string) {
	for _, name := range l.names {
		k := l.keys[name]
		if !k.secret {
			continue
		}
		_, direct := env[k.Env()]
		_, fromFile := env[k.Env()+fileSuffix]
		if direct && fromFile {
			l.problems.add(k.Name, "env", "%s and %s%s are both set; set one", k.Env(), k.Env(), fileSuffix)
		}
	}
}

func isClients(name string) bool {
	return slices.Contains(clientEnv, name) || strings.HasPrefix(name, testEnvPrefix)
}

var (
	serviceLink     = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)
	servicePortLink = regexp.MustCompile(`_PORT=(tcp|udp|sctp)://`)
)

// isServiceLink recognises the variables that Kubernetes puts into every
// container of a namespace which has a service called raven or raven-….
func isServiceLink(name, text string) bool {
	return serviceLink.MatchString(name) || servicePortLink.MatchString(name+"="+text)
}

// derive gives the values that follow from others when nobody chose them.
func (c *Config) derive() {
	if c.Registration.Mode == "" && c.Registration.Token == "" && c.Loopback() {
		c.Registration.Mode = RegistrationOpen
		c.sources["registration.mode"] = sourceDefault + ", because http.addr is on the loopback"
	}
	if c.Keys.Platform.Keyring == "" && c.Keys.Platform.KeyringFile == "" {
		c.Keys.Platform.KeyringFile = filepath.Join(c.DataDir, keyringName)
		c.sources["keys.platform.keyring_file"] = sourceDefault + ", in data_dir"
	}
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
