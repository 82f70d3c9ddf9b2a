package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// profile writes a CPU profile of the first server under each kind of request.
func (w *world) profile(cases []*scenario, tenants int, o options) error {
	admin, err := adminOf(w.servers[0].Log())
	if err != nil {
		return err
	}
	const length = 10 * time.Second
	for _, c := range cases {
		if c.floor == nil {
			continue
		}
		taken := make(chan error, 1)
		go func() {
			name := fmt.Sprintf("%s-%d.pprof", strings.NewReplacer(" ", "-", ",", "").Replace(c.name), tenants)
			taken <- download(fmt.Sprintf("%s/debug/pprof/profile?seconds=%.0f", admin, length.Seconds()), filepath.Join(o.profile, name))
		}()
		if _, err := c.run(o.connections[len(o.connections)-1], length, nil); err != nil {
			return err
		}
		if err := <-taken; err != nil {
			return err
		}
	}
	return nil
}

// adminOf finds the operator's listener in a server's log.
func adminOf(log string) (string, error) {
	for line := range strings.Lines(log) {
		var l struct{ Listener, Addr string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Listener == "admin" {
			return "http://" + l.Addr, nil
		}
	}
	return "", errors.New("the server's log names no admin listener")
}

func download(url, path string) error {
	res, err := http.Get(url) //nolint:gosec,noctx // a server of this program's own
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}
