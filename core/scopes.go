package core

import "strings"

// Scopes is a set of scopes. The zero value is empty.
type Scopes uint16

// The scopes there are. Each is a set of one.
const (
	ScopeMemoryRead Scopes = 1 << iota
	ScopeMemoryWrite
	ScopeUsersRead
	ScopeUsersWrite
	ScopeConversationsRead
	ScopeConversationsWrite
	ScopeTenantRead
	ScopeTenantAdmin
)

// Presets are accepted in place of a list of scopes.
const (
	FullAccess = ScopeMemoryRead | ScopeMemoryWrite | ScopeUsersRead | ScopeUsersWrite |
		ScopeConversationsRead | ScopeConversationsWrite | ScopeTenantRead | ScopeTenantAdmin
	ReadOnly  = ScopeMemoryRead | ScopeUsersRead | ScopeConversationsRead | ScopeTenantRead
	AgentOnly = ScopeMemoryRead | ScopeMemoryWrite | ScopeConversationsRead | ScopeConversationsWrite
)

// scopeNames is in the order of the bits.
var scopeNames = []string{
	"memory:read", "memory:write", "users:read", "users:write",
	"conversations:read", "conversations:write", "tenant:read", "tenant:admin",
}

var scopePresets = map[string]Scopes{"full_access": FullAccess, "read_only": ReadOnly, "agent_only": AgentOnly}

// ScopeNames lists every scope's name.
func ScopeNames() []string { return append([]string(nil), scopeNames...) }

// PresetNames lists every preset's name.
func PresetNames() []string { return []string{"full_access", "read_only", "agent_only"} }

// NoScope tells who named a scope that there is not those there are.
func NoScope(name string) string {
	return "there is no scope " + name + "; " + ScopesThere()
}

// ScopesThere names the scopes and the presets.
func ScopesThere() string {
	return "the scopes are " + strings.Join(scopeNames, ", ") + ", and the presets in place of a list " + strings.Join(PresetNames(), ", ")
}

// ParsePreset reads a preset's name.
func ParsePreset(name string) (Scopes, bool) {
	s, ok := scopePresets[name]
	return s, ok
}

// ParseScopes reads names into a set; ok is false with the first name that is
// none. An empty list is an empty set.
func ParseScopes(names []string) (set Scopes, bad string, ok bool) {
next:
	for _, name := range names {
		for i, known := range scopeNames {
			if name == known {
				set |= 1 << i
				continue next
			}
		}
		return 0, name, false
	}
	return set, "", true
}

// Has reports whether all of want is in s.
func (s Scopes) Has(want Scopes) bool { return s&want == want }

// Minus is what is in s and not in other.
func (s Scopes) Minus(other Scopes) Scopes { return s &^ other }

// Names lists the set's scopes in a fixed order.
func (s Scopes) Names() []string {
	names := []string{}
	for i, name := range scopeNames {
		if s.Has(1 << i) {
			names = append(names, name)
		}
	}
	return names
}

// String is the names joined by spaces, as OAuth writes a scope.
func (s Scopes) String() string { return strings.Join(s.Names(), " ") }
