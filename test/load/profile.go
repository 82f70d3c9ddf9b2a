package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// profile writes a CPU profile of the first server, or the cold one, under each
// kind of request.
func (w *world) profile(ctx context.Context, cases []*scenario, name string, o options) error {
	const length = 10 * time.Second
	for _, c := range cases {
		if c.floor == nil {
			continue
		}
		server := w.servers[0]
		if c.processes[0] == w.cold.Pid() {
			server = w.cold
		}
		admin, err := adminOf(server)
		if err != nil {
			return err
		}
		taken := make(chan error, 1)
		go func() {
			file := strings.NewReplacer(" ", "-", ",", "").Replace(c.name) + "-" + name + ".pprof"
			taken <- download(fmt.Sprintf("%s/debug/pprof/profile?seconds=%.0f", admin, length.Seconds()), filepath.Join(o.profile, file))
		}()
		if _, err := c.run(ctx, slices.Max(o.connections), length, nil); err != nil {
			return err
		}
		if err := <-taken; err != nil {
			return err
		}
	}
	return nil
}

func download(url, path string) error {
	raw, err := fetch(url)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}

func fetch(url string) ([]byte, error) {
	res, err := http.Get(url) //nolint:gosec,noctx // a server of this program's own
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	return io.ReadAll(res.Body)
}
