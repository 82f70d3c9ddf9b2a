package operator

import (
	"net/http"

	"github.com/raven-memory/raven/core"
)

func (h *handler) listKeys(r *http.Request) (int, any, error) {
	caller, err := tenantOf(r)
	if err != nil {
		return 0, nil, err
	}
	list, err := h.Keys.List(r.Context(), caller, r.URL.Query().Get("after"), limitOf(r))
	out := page[Key]{Data: make([]Key, 0, len(list.Items)), Next: list.Next}
	for _, k := range list.Items {
		out.Data = append(out.Data, keyToWire(k))
	}
	return http.StatusOK, out, err
}

func (h *handler) createKey(r *http.Request) (int, any, error) {
	caller, err := tenantOf(r)
	if err != nil {
		return 0, nil, err
	}
	var in NewKey
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	scopes, err := scopesOf(in.Scopes)
	if err != nil {
		return 0, nil, err
	}
	if e := in.Environment; e != "" && e != core.EnvironmentLive && e != core.EnvironmentTest {
		return 0, nil, core.Invalid("environment", `must be "live" or "test"`, nil)
	}
	key, err := h.Keys.Create(r.Context(), caller, core.Op{}, core.NewKey{
		Name: in.Name, Scopes: scopes, Environment: in.Environment, ExpiresAt: in.ExpiresAt,
	})
	return http.StatusCreated, issuedToWire(key), err
}

func scopesOf(names []string) (core.Scopes, error) {
	if len(names) == 1 {
		if set, ok := core.ParsePreset(names[0]); ok {
			return set, nil
		}
	}
	set, bad, ok := core.ParseScopes(names)
	if !ok {
		return 0, core.Invalid("scopes", core.NoScope(bad), nil)
	}
	return set, nil
}

func (h *handler) revokeKey(r *http.Request) (int, any, error) {
	caller, err := tenantOf(r)
	if err != nil {
		return 0, nil, err
	}
	id := core.KeyID(r.PathValue("key"))
	if !id.Valid() {
		return 0, nil, core.NotFound()
	}
	return http.StatusNoContent, nil, h.Keys.Revoke(r.Context(), caller, core.Op{}, id)
}
