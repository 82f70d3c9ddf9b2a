package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/raven-memory/raven/test/backend"
	"github.com/raven-memory/raven/test/process"
)

// drivers are what Node.js runs, and what npm installs for them.
//
//go:embed node
var drivers embed.FS

// workshop holds what peers are started with. What could not be had is an error
// of the peers that need it.
type workshop struct {
	dir     string
	clients int

	raven    string // path of the binary
	ravenErr error

	node, scripts string // Node.js, and the folder of the drivers
	nodeErr       error

	models []*model
	stops  []func() // of what was started
}

func newWorkshop(dir string, o options) (*workshop, error) {
	w := &workshop{dir: dir, clients: o.clients}
	log.Print("building and installing")
	w.raven, w.ravenErr = process.Build(dir)
	w.nodeErr = w.install()
	hashes, err := hashModel()
	if err != nil {
		return nil, err
	}
	w.models = append(w.models, hashes)
	if o.vectors != "" {
		words, err := wordModel(o.vectors)
		if err != nil {
			w.close()
			return nil, err
		}
		w.models = append(w.models, words)
	}
	return w, nil
}

func (w *workshop) close() {
	for _, m := range w.models {
		m.stop()
	}
	for _, stop := range w.stops {
		stop()
	}
}

// install puts the drivers, and the packages that they use, into one folder.
func (w *workshop) install() error {
	w.scripts = filepath.Join(w.dir, "node")
	source, err := fs.Sub(drivers, "node")
	if err != nil {
		return err
	}
	if err := os.CopyFS(w.scripts, source); err != nil {
		return err
	}
	var modules string
	if w.node, modules, err = backend.Node(w.scripts); err != nil {
		return err
	}
	if err := buildSQLite(filepath.Dir(modules)); err != nil {
		return err
	}
	return os.Symlink(modules, filepath.Join(w.scripts, "node_modules"))
}

// buildSQLite runs what npm was told not to run when it installed: the building of
// the one package that is no JavaScript, from its sources where Node.js's headers
// are on this machine.
func buildSQLite(folder string) error {
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "better-sqlite3", "build", "Release", "better_sqlite3.node")); err == nil {
		return nil
	}
	log.Print("building better-sqlite3, once for this user")
	build := exec.Command("npm", "rebuild", "better-sqlite3") //nolint:noctx // it ends by itself
	build.Dir, build.Env = folder, os.Environ()
	if _, err := os.Stat("/usr/include/node/node.h"); err == nil {
		build.Env = append(build.Env, "npm_config_nodedir=/usr", "npm_config_build_from_source=true")
	}
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("npm rebuild better-sqlite3: %w\n%s", err, out)
	}
	return nil
}

// foreign is the file where Node.js notes what it would have reached elsewhere.
func (w *workshop) foreign() string { return filepath.Join(w.dir, "foreign") }

// hosts lists the other machines that something tried to reach.
func (w *workshop) hosts() []string {
	raw, err := os.ReadFile(w.foreign())
	if err != nil {
		return nil
	}
	list := strings.Fields(string(raw))
	slices.Sort(list)
	return slices.Compact(list)
}

// driver starts a peer that Node.js runs.
func (w *workshop) driver(script, dir string, env ...string) (store, error) {
	if w.nodeErr != nil {
		return nil, w.nodeErr
	}
	return startChild(dir, append(env, "FOREIGN="+w.foreign()), w.node, filepath.Join(w.scripts, script))
}

// self starts a peer that this program is.
func (w *workshop) self(part, dir string) (store, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startChild(dir, nil, program, "-serve", part)
}

func (w *workshop) openRaven(ctx context.Context, dir string, m *model) (store, error) {
	if w.ravenErr != nil {
		return nil, w.ravenErr
	}
	return openRaven(ctx, w.raven, dir, m)
}

// installed is the version of an npm package.
func (w *workshop) installed(name string) string {
	var about struct{ Version string }
	raw, err := os.ReadFile(filepath.Join(w.scripts, "node_modules", name, "package.json"))
	if err = errors.Join(err, json.Unmarshal(raw, &about)); err != nil {
		return "?"
	}
	return about.Version
}

// linked is the version of a Go module that this program is built with.
func linked(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "?"
}
