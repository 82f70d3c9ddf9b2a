# Makes tenants' keys, and can neither use nor change them. For
# keys.vault.provision_token, or for whoever makes the keys before tenants ask.
#
# "+" is one step of a path: a "*" would reach the keys' settings as well, and
# with them "exportable". Naming the parameters keeps a new key from being made
# exportable or convergent.
path "transit/keys/+" {
  capabilities        = ["create", "update"]
  required_parameters = ["derived"]
  allowed_parameters  = {
    "type"    = ["aes256-gcm96"]
    "derived" = [true]
  }
}
