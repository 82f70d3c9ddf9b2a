package core_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestEveryScopeIsReadBackByItsName(t *testing.T) {
	t.Parallel()
	all, bad, ok := core.ParseScopes(core.ScopeNames())
	if !ok || all != core.FullAccess {
		t.Fatalf("got %v, refused %q", all, bad)
	}
	for _, name := range core.ScopeNames() {
		set, _, _ := core.ParseScopes([]string{name})
		if set.String() != name {
			t.Errorf("%s reads as %s", name, set)
		}
	}
	if _, bad, ok := core.ParseScopes([]string{"memory:read", "Memory:Read"}); ok || bad != "Memory:Read" {
		t.Error("a scope in another letter case passes")
	}
}

func TestPresetsGrantWhatTheyAreNamedFor(t *testing.T) {
	t.Parallel()
	for preset, want := range map[string]string{
		"full_access": strings.Join(core.ScopeNames(), " "),
		"read_only":   "memory:read users:read conversations:read tenant:read",
		"agent_only":  "memory:read memory:write conversations:read conversations:write",
	} {
		if got, ok := core.ParsePreset(preset); !ok || got.String() != want {
			t.Errorf("%s is %q, want %q", preset, got, want)
		}
		if !slices.Contains(core.PresetNames(), preset) {
			t.Errorf("%s is not listed", preset)
		}
	}
}

func TestCallerWithoutAScopeIsToldWhichOne(t *testing.T) {
	t.Parallel()
	caller := core.Caller{Scopes: core.ReadOnly}
	if err := caller.Require(core.ScopeMemoryRead); err != nil {
		t.Error(err)
	}
	err := caller.Require(core.ScopeMemoryRead | core.ScopeMemoryWrite)
	if !core.Is(err, core.CodeInsufficientScope) || !strings.Contains(err.Error(), "memory:write") {
		t.Errorf("got %v", err)
	}
}
