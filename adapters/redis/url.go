package redis

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// target is which servers to talk to, and how.
type target struct {
	topology                   string // "", "sentinel" or "cluster"
	hosts                      []string
	user, password             string
	sentinelUser, sentinelPass string
	master                     string // Sentinel's name for it
	db                         int
	tls                        *tls.Config // nil for none
	pool                       int
	wait                       time.Duration // beyond the usual time for a reply
}

// errURL is all that is told of a URL that can't be read: a secret may be in it.
var errURL = errors.New("redis: the URL must be like redis://host:6379/0, redis+sentinel://host1:26379,host2:26379/master-name/0 or redis+cluster://host1:6379,host2:6379, with rediss for TLS")

func wrongURL(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errURL, fmt.Sprintf(format, args...))
}

// target reads the URL by hand: net/url knows one host only, and puts what it
// can't read into its errors.
func (o Options) target() (t target, err error) {
	scheme, rest, ok := strings.Cut(o.URL, "://")
	if !ok {
		return t, errURL
	}
	scheme, t.topology, _ = strings.Cut(scheme, "+")
	if scheme != "redis" && scheme != "rediss" || t.topology != "" && t.topology != "sentinel" && t.topology != "cluster" {
		return t, wrongURL("the scheme is unknown")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if err := t.readAuthority(authority); err != nil {
		return t, err
	}
	if err := t.readPath(path); err != nil {
		return t, err
	}
	if err := t.readQuery(&o, query); err != nil {
		return t, err
	}
	if scheme == "rediss" {
		if t.tls, err = tlsConfig(o.CAFile, o.CertFile, o.KeyFile); err != nil {
			return t, err
		}
	} else if o.CAFile+o.CertFile+o.KeyFile != "" {
		return t, wrongURL("certificates are of no use without TLS: rediss in place of redis")
	}
	t.pool = cmp.Or(max(o.PoolSize, 0), defaultPool)
	if o.Wait.asked() {
		t.wait = o.Wait.timeout()
	}
	return t, nil
}

func (t *target) readAuthority(authority string) (err error) {
	hosts := authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		hosts = authority[at+1:]
		user, password, _ := strings.Cut(authority[:at], ":")
		if t.user, err = url.PathUnescape(user); err != nil {
			return wrongURL("the user is not percent-encoded")
		}
		if t.password, err = url.PathUnescape(password); err != nil {
			return wrongURL("the password is not percent-encoded")
		}
	}
	port := "6379"
	if t.topology == "sentinel" {
		port = "26379"
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		name, number, err := net.SplitHostPort(host)
		if n, bad := strconv.ParseUint(number, 10, 16); err != nil || bad != nil || n == 0 || name == "" {
			return wrongURL("one of the hosts can't be read")
		}
		t.hosts = append(t.hosts, host)
	}
	if t.topology == "" && len(t.hosts) > 1 {
		return wrongURL("several hosts need redis+sentinel or redis+cluster")
	}
	return nil
}

func (t *target) readPath(path string) (err error) {
	if t.topology == "sentinel" {
		t.master, path, _ = strings.Cut(path, "/")
		if t.master, err = url.PathUnescape(t.master); err != nil || t.master == "" {
			return wrongURL("the master's name is missing")
		}
	}
	if path == "" {
		return nil
	}
	if t.db, err = strconv.Atoi(path); err != nil || t.db < 0 {
		return wrongURL("the database is no number")
	}
	if t.topology == "cluster" && t.db != 0 {
		return wrongURL("a Cluster has database 0 only")
	}
	return nil
}

func (t *target) readQuery(o *Options, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return wrongURL("the parameters can't be read")
	}
	for name := range values {
		value := values.Get(name)
		switch name {
		case "ca":
			o.CAFile = cmp.Or(o.CAFile, value)
		case "cert":
			o.CertFile = cmp.Or(o.CertFile, value)
		case "key":
			o.KeyFile = cmp.Or(o.KeyFile, value)
		case "sentinel_user":
			t.sentinelUser = value
		case "sentinel_password":
			t.sentinelPass = value
		default:
			return wrongURL("there is no parameter %q", name)
		}
	}
	if t.topology != "sentinel" && t.sentinelUser+t.sentinelPass != "" {
		return wrongURL("only redis+sentinel has a user and password of Sentinel's")
	}
	return nil
}
