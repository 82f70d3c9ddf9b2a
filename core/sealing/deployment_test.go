package sealing_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/sealing"
)

func start(t *testing.T, s *store, word, id string, checks map[uint32]string) (*sealing.Service, error) {
	t.Helper()
	service := sealing.New(deps(&wrapper{name: "test", word: word}, s, &clock{}), sealing.Options{})
	err := service.Start(t.Context(), func() string { return id }, checks)
	return service, err
}

func TestFirstStartMakesTheDeploymentAndLaterOnesKeepIt(t *testing.T) {
	t.Parallel()
	s := newStore()
	checks := map[uint32]string{1: "aa"}
	first, err := start(t, s, "one", "dep_1", checks)
	if err != nil {
		t.Fatal(err)
	}
	d := *s.deployment
	if d.ID != "dep_1" || len(d.DataKeys) != 2 || !maps.Equal(d.KeyChecks, checks) || d.CreatedAt.IsZero() {
		t.Errorf("made %+v", d)
	}
	second, err := start(t, s, "one", "dep_2", checks)
	if err != nil || s.deployment.ID != "dep_1" {
		t.Fatalf("second start: %v, id %s", err, s.deployment.ID)
	}
	sealed := seal(t, first, placeOf(core.DeploymentTenant), "profile")
	mustOpen(t, second, placeOf(core.DeploymentTenant), sealed, "profile")
}

func TestWrongKeyringIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		word   string
		checks map[uint32]string
	}{
		"same version, other key":      {"one", map[uint32]string{1: "bb"}},
		"one version right, one wrong": {"one", map[uint32]string{1: "aa", 2: "xx"}},
		"no version known":             {"one", map[uint32]string{3: "cc"}},
		"does not unwrap":              {"two", map[uint32]string{1: "aa"}},
		"does not unwrap, no checks":   {"two", nil},
	} {
		s := newStore()
		if _, err := start(t, s, "one", "dep_1", map[uint32]string{1: "aa", 2: "ab"}); err != nil {
			t.Fatal(err)
		}
		service, err := start(t, s, c.word, "dep_1", c.checks)
		if !errors.Is(err, sealing.ErrWrongKeyring) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := service.Seal(t.Context(), placeOf(core.DeploymentTenant), nil); err == nil {
			t.Errorf("%s: it seals all the same", name)
		}
		if len(s.deployment.KeyChecks) != 2 {
			t.Errorf("%s: its checks were stored", name)
		}
	}
}

func TestChecksOfNewVersionsAreAdded(t *testing.T) {
	t.Parallel()
	s := newStore()
	for _, checks := range []map[uint32]string{nil, {1: "aa"}, {2: "bb", 1: "aa"}, {2: "bb"}, nil} {
		if _, err := start(t, s, "one", "dep_1", checks); err != nil {
			t.Fatalf("%v: %v", checks, err)
		}
	}
	if want := map[uint32]string{1: "aa", 2: "bb"}; !maps.Equal(s.deployment.KeyChecks, want) {
		t.Errorf("stored %v, want %v", s.deployment.KeyChecks, want)
	}
}

func TestNodesThatStartAtOnceAreOneDeployment(t *testing.T) {
	t.Parallel()
	s := newStore()
	services := make([]*sealing.Service, 8)
	var wg sync.WaitGroup
	for i := range services {
		wg.Go(func() {
			var err error
			if services[i], err = start(t, s, "one", fmt.Sprintf("dep_%d", i), map[uint32]string{1: "aa"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	sealed := seal(t, services[0], placeOf(core.DeploymentTenant), "x")
	for _, service := range services {
		mustOpen(t, service, placeOf(core.DeploymentTenant), sealed, "x")
	}
}

func TestDeploymentThatIsNotWholeIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*core.Deployment){
		"no id":          func(d *core.Deployment) { d.ID = "" },
		"no index key":   func(d *core.Deployment) { d.DataKeys = d.DataKeys[1:] },
		"no sealing key": func(d *core.Deployment) { d.DataKeys = d.DataKeys[:1] },
		"other provider": func(d *core.Deployment) { d.DataKeys[1].Provider = "other" },
	} {
		s := newStore()
		if _, err := start(t, s, "one", "dep_1", nil); err != nil {
			t.Fatal(err)
		}
		spoil(s.deployment)
		if _, err := start(t, s, "one", "dep_1", nil); err == nil || errors.Is(err, sealing.ErrWrongKeyring) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStartFailsWhenStoreOrProviderIsDown(t *testing.T) {
	t.Parallel()
	s := newStore()
	s.fail(core.Unavailable(errors.New("refused")))
	if _, err := start(t, s, "one", "dep_1", nil); !core.Is(err, core.CodeUnavailable) {
		t.Errorf("store down: %v", err)
	}
	s.fail(nil)
	if _, err := start(t, s, "one", "dep_1", nil); err != nil {
		t.Fatal(err)
	}
	down := &wrapper{name: "test", gate: func(context.Context) error { return core.NewError(core.CodeKeyManagement, "down") }}
	err := sealing.New(deps(down, s, &clock{}), sealing.Options{}).Start(t.Context(), nil, nil)
	if !core.Is(err, core.CodeKeyManagement) || errors.Is(err, sealing.ErrWrongKeyring) {
		t.Errorf("provider down: %v", err)
	}
}
