# Destroys tenants' keys, and with them, for good, what they protect: for a
# person or a procedure of its own, never for Raven's token. Takes two steps:
# first the key's setting, then the key.
path "transit/keys/+/config" {
  capabilities        = ["update"]
  required_parameters = ["deletion_allowed"]
  allowed_parameters  = {
    "deletion_allowed" = [true, false]
  }
}
path "transit/keys/+" { capabilities = ["delete"] }
