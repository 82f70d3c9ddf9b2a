package backend

import "strings"

// VaultRules are the rules of a policy for a server whose tenants have their keys
// in a transit engine: all that it is given in Vault.
func VaultRules(mount string) string {
	return strings.ReplaceAll(`
path "MOUNT/datakey/plaintext/raven-*" { capabilities = ["update"] }
path "MOUNT/decrypt/raven-*" { capabilities = ["update"] }
path "MOUNT/rewrap/raven-*" { capabilities = ["update"] }
path "MOUNT/keys/raven-*" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
`, "MOUNT", mount)
}
