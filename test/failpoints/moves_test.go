package failpoints

import (
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raven-memory/raven/app"
	"github.com/raven-memory/raven/config"
	"github.com/raven-memory/raven/core/transfer"
	"github.com/raven-memory/raven/test/backend"
)

// moves bring all of an embedded store to a Redis.
var moves = map[string]func(t *testing.T, p *prepared) func(to onRedis) error{
	"migrate": func(t *testing.T, p *prepared) func(onRedis) error {
		return func(to onRedis) error {
			_, err := app.Migrate(t.Context(), configAt(t, to), config.StoreEmbedded, config.StoreRedis, slog.New(slog.DiscardHandler), func(transfer.Progress) {})
			return err
		}
	},
	"restore": func(t *testing.T, p *prepared) func(onRedis) error {
		opt := app.BackupOptions{File: filepath.Join(t.TempDir(), "backup"), Passphrase: "a passphrase of many words"}
		if _, err := app.Backup(t.Context(), configAt(t, p.template.fresh(t)), opt, func(transfer.Progress) {}); err != nil {
			t.Fatal(err)
		}
		return func(to onRedis) error {
			_, err := app.Restore(t.Context(), configAt(t, to), opt, func(transfer.Progress) {})
			return err
		}
	},
}

func configAt(t *testing.T, at place) config.Config {
	t.Helper()
	cfg, err := config.Load(config.LoadOptions{Flags: at.settings(map[string]string{}), Env: at.env()})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestMovesMayEndAtEveryRequest ends the program that moves a store to Redis at each
// of its requests, before and after it took effect, and looks at what is there: each
// tenant whole, or not at all. Run again, it brings the rest.
func TestMovesMayEndAtEveryRequest(t *testing.T) {
	t.Parallel()
	p := prepare(t, newEmbedded)
	want := p.moved(t, p.template.fresh(t))
	for name, prepareMove := range moves {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			move := prepareMove(t, p)
			for _, arrives := range []bool{false, true} {
				t.Run(fmt.Sprintf("the last request arrives: %t", arrives), func(t *testing.T) {
					t.Parallel()
					n, step := 0, 4*share
					if *every {
						step = 1
					}
					for ended := true; ended && !t.Failed(); n += step {
						t.Run(fmt.Sprint(n), func(t *testing.T) { ended = p.endedMove(t, move, n, arrives, want) })
					}
					if n == step {
						t.Fatal("it has no request to end at")
					}
					t.Logf("ended at %d of some %d requests", (n-step)/step, n-step)
				})
			}
		})
	}
}

// endedMove moves to an empty Redis, ends at a request, and moves again; false when
// it has fewer requests.
func (p *prepared) endedMove(t *testing.T, move func(onRedis) error, at int, arrives bool, want string) (ended bool) {
	t.Helper()
	from, _ := p.template.fresh(t).(embedded)
	server := backend.SharedRedis(t)
	addr := strings.TrimPrefix(server, "redis://")
	addr, database, _ := strings.Cut(addr, "/")
	proxy := backend.Proxy(t, addr)
	to := onRedis{from.dir, fmt.Sprintf("redis://%s/%s", proxy.Addr(), database)}

	proxy.EndAt(at, arrives)
	err := move(to)
	if ended = proxy.Revive(); ended == (err == nil) {
		t.Fatalf("at request %d: it ended: %t, and tells of %v", at, ended, err)
	}
	if ended {
		(&world{T: t, place: to, auditKey: p.world.auditKey, moved: true}).whole()
		if err := move(to); err != nil {
			t.Fatalf("again, after it ended at request %d: %v", at, err)
		}
	}
	if got := p.moved(t, to); got != want {
		t.Fatalf("ended at request %d, and moved again:%s", at, difference(got, want))
	}
	return ended
}

// moved is the state of what is there, without what is not moved.
func (p *prepared) moved(t *testing.T, at place) string {
	t.Helper()
	w := &world{T: t, place: at, clock: &clock{now: p.now}, made: maps.Clone(p.world.made), auditKey: p.world.auditKey, moved: true}
	w.mustStart(patience)
	defer w.stop()
	if n := w.whole(); n != 2 {
		t.Errorf("there are %d tenants", n)
	}
	state := w.state()
	for _, begin := range []string{"\n/", "\nGET /"} { // as there are some, or none
		state, _, _ = strings.Cut(state, begin+"tenant/webhook/deliveries")
	}
	return state
}
