package backend

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// RedisOption changes what a Redis is started with.
type RedisOption func(*redisOptions)

type redisOptions struct {
	settings           []setting
	password           string // of the default user
	user, userPassword string
	master             *RedisServer
	tls                bool
	replicas           int
	local              bool // only a process on this machine will do
}

// setting is a directive of redis.conf and its values.
type setting []string

func redisOptionsOf(opts []RedisOption) redisOptions {
	o := redisOptions{settings: []setting{
		{"appendonly", "yes"},
		{"appendfsync", "always"},
		{"save", ""},
		{"databases", "128"},
		{"repl-diskless-sync-delay", "0"},
	}}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Set sets a directive of redis.conf, over what was set before:
//
//	Set("appendfsync", "everysec")
//	Set("maxmemory", "4mb"), Set("maxmemory-policy", "allkeys-lru")
func Set(name string, values ...string) RedisOption {
	return func(o *redisOptions) { o.settings = append(o.settings, append(setting{name}, values...)) }
}

// Password is what the default user has to give.
func Password(password string) RedisOption {
	return func(o *redisOptions) {
		o.password = password
		o.settings = append(o.settings, setting{"requirepass", password}, setting{"masterauth", password})
	}
}

// User is an ACL user for the URL to name, with rules as in ACL SETUSER. The
// default user stays.
func User(name, password string, rules ...string) RedisOption {
	return func(o *redisOptions) {
		o.user, o.userPassword = name, password
		o.settings = append(o.settings, append(setting{"user", name, "on", ">" + password}, rules...))
	}
}

// MutualTLS makes the server speak TLS alone, with certificates made for it,
// and only to a client that shows one.
func MutualTLS() RedisOption {
	return func(o *redisOptions) { o.tls, o.local = true, true }
}

// ReplicaOf makes the server a replica. It has caught up when it is handed over.
func ReplicaOf(master *RedisServer) RedisOption {
	return func(o *redisOptions) {
		o.master, o.local = master, true
		host, port, _ := net.SplitHostPort(master.Addr())
		o.settings = append(o.settings, setting{"replicaof", host, port})
		if master.options.password != "" {
			o.settings = append(o.settings, setting{"masterauth", master.options.password})
		}
	}
}

// Replicas is how many replicas each master has: of a Cluster 0 unless said, of
// what Sentinels watch 1.
func Replicas(n int) RedisOption {
	return func(o *redisOptions) { o.replicas = n }
}

// RedisHere makes a Redis a process on this machine, whose files a test reaches.
func RedisHere(o *redisOptions) { o.local = true }

func (o redisOptions) userinfo() *url.Userinfo {
	switch {
	case o.user != "":
		return url.UserPassword(o.user, o.userPassword)
	case o.password != "":
		return url.UserPassword("", o.password)
	default:
		return nil
	}
}

// arguments are the settings on a command line.
func (o redisOptions) arguments() (args []string) {
	for _, s := range o.settings {
		args = append(append(args, "--"+s[0]), s[1:]...)
	}
	return args
}

// writeSettings writes the settings as a file that the server reads.
func writeSettings(dir, name string, settings []setting) (path string, err error) {
	var text strings.Builder
	for _, s := range settings {
		text.WriteString(s[0])
		for _, value := range s[1:] {
			fmt.Fprintf(&text, " %q", value)
		}
		text.WriteString("\n")
	}
	path = filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text.String()), 0o600)
}
