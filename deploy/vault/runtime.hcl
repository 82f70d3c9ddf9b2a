# What a running Raven may do in Vault, and all of it. Give it to the token,
# AppRole or Kubernetes role that Raven logs in by; the "default" policy is not
# needed. "transit" is keys.vault.mount, "raven-ten_" what keys.vault.key_template
# begins every tenant's key with.
#
# "update" and never "create": Vault makes a missing key for who may create.

# Tenants' own keys.
path "transit/datakey/plaintext/raven-ten_*" { capabilities = ["update"] }
path "transit/decrypt/raven-ten_*"           { capabilities = ["update"] }
path "transit/rewrap/raven-ten_*"            { capabilities = ["update"] }

# The operator's key, where keys.platform.provider is vault. "encrypt" takes over
# data keys that a keyring has wrapped so far.
path "transit/datakey/plaintext/raven-platform" { capabilities = ["update"] }
path "transit/decrypt/raven-platform"           { capabilities = ["update"] }
path "transit/rewrap/raven-platform"            { capabilities = ["update"] }
path "transit/encrypt/raven-platform"           { capabilities = ["update"] }

# The token: to be renewed, and to be told from one that has ended. Without
# these two, Raven does not take a token.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
