package operator

import (
	"strings"
	"testing"

	"github.com/raven-memory/raven/core"
)

func TestWhoNamesNoScopeIsToldThoseThereAre(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"memory:raed"}, {"read-only"}, {"memory:read", "full_access"}} {
		_, err := scopesOf(names)
		if !core.Is(err, core.CodeValidation) {
			t.Errorf("%v: %v", names, err)
			continue
		}
		for _, name := range append(core.ScopeNames(), core.PresetNames()...) {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%v: %v does not name %s", names, err, name)
			}
		}
	}
}
